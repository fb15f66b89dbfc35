"""Made-up evaluation tables: small, complete, and hostile where that matters."""

from collections.abc import Callable, Sequence

import polars as pl

from xl_assets.evaluation.funnel import FUNNEL
from xl_assets.evaluation.report_data import STEPS, TRAINING_ROWS, ModelCard, ReportData
from xl_assets.evaluation.win_rate import WinRateSettings, win_rates
from xl_assets.tables import (
    CriterionScore,
    EvalPrompt,
    Judgement,
    LanguageFidelity,
    ModelResponse,
    check_table,
)

RELEASE = "r1"
HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}<img src=x onerror=alert(2)>\u202e</style></svg>"


def table(rows: Sequence[dict], schema) -> pl.DataFrame:
    """Rows as a table that meets its contract."""
    types = {name: column.dtype for name, column in schema.columns().items()}
    return check_table(pl.DataFrame(rows, infer_schema_length=None).cast(types), schema)


def prompts(count: int = 3, languages: Sequence[str] = ("de", "ga")) -> pl.DataFrame:
    """Cross-lingual prompts; those of one number are a cluster over the languages."""
    return table(
        [
            {
                "prompt_id": f"p{number}-{language}",
                "cluster_id": f"c{number}",
                "language": language,
                "kind": "cross_lingual",
                "instruction": f"Where does animal {number} live? Answer in {language}.",
                "source": "made up",
            }
            for language in languages
            for number in range(count)
        ],
        EvalPrompt,
    )


def responses(asked: pl.DataFrame, model: str, reply: Callable[[dict], str | None]) -> pl.DataFrame:
    """A model's responses: what `reply` says to each prompt; None is a missing one."""
    rows = []
    for prompt in asked.drop("source").to_dicts():
        text = reply(prompt)
        rows.append(
            prompt
            | {
                "response_id": f"{model}-{prompt['prompt_id']}",
                "release": RELEASE,
                "model": model,
                "model_fingerprint": "f" * 32,
                "response": text,
                "call_id": f"call-{model}-{prompt['prompt_id']}",
                "kept": text is not None,
                "reasons": [] if text is not None else ["ran_into_length_limit"],
            }
        )
    return table(rows, ModelResponse)


def judgement(
    prompt: int = 0, model: str = "fine_tuned", language: str = "de", order: str = "reference_first", **given
):
    """One judgement as a dictionary; `given` overrides."""
    prompt_id = f"p{prompt}-{language}"
    return {
        "judgement_id": f"{model}-{prompt_id}-{order}",
        "release": RELEASE,
        "prompt_id": prompt_id,
        "cluster_id": f"c{prompt}",
        "language": language,
        "kind": "cross_lingual",
        "model": model,
        "order": order,
        "outcome": "judged",
        "preference": 1.5,
        "verdict": "A",
        "response_id": f"{model}-{prompt_id}",
        "reference_id": f"reference-{prompt_id}",
        "call_id": "call",
        "reason": None,
        "failure": None,
        "raw_completion": None,
        "prompt_tokens": 100,
        "completion_tokens": 1,
    } | given


def judgements(rows: Sequence[dict]) -> pl.DataFrame:
    """Judgements as a table."""
    return table(rows, Judgement)


def report_data(reply: str = "Der Fuchs lebt im Wald.", criterion: str = "precision") -> ReportData:
    """A release with two languages; the fine-tuned model's answers are `reply`, the base's are English or missing."""
    asked = prompts()
    answered = [
        responses(asked, "base", lambda p: None if p["prompt_id"] == "p1-de" else "The fox lives in the forest."),
        responses(asked, "fine_tuned", lambda p: reply),
        responses(asked, "reference", lambda p: "Der Rotfuchs lebt im Wald."),
    ]
    evaluated = pl.concat(answered[:2]).to_dicts()
    judged = judgements(
        [
            judgement(
                int(row["prompt_id"][1]),
                row["model"],
                row["language"],
                order,
                outcome="judged" if row["response"] else "missing",
                preference=(1.9 if row["model"] == "fine_tuned" else 1.1) if row["response"] else None,
            )
            for row in evaluated
            for order in ("reference_first", "model_first")
        ]
    )
    identity = ("response_id", "release", "prompt_id", "language", "kind", "model")
    fidelity = [
        {name: row[name] for name in identity}
        | {"lid_language": "en" if row["model"] == "base" else row["language"], "in_language": row["model"] != "base"}
        | dict.fromkeys(("lid_score", "language_score", "line_share", "script_share"))
        for row in evaluated
    ]
    scores = [
        {name: row[name] for name in identity} | {"criterion": criterion, "score": 4, "call_id": "call"}
        for row in evaluated
        if row["response"]
    ]
    funnel = [
        ("seed_documents", "de", 10, 8, [{"reason": "bad_json", "rows": 2}]),
        ("seed_documents", "ga", 5, 5, []),
        ("seed_documents_filtered", "de", 8, 7, [{"reason": "near_duplicate", "rows": 1}]),
        ("seed_documents_filtered", "ga", 5, 5, []),
        ("xl_instruct", "de", 6, 4, [{"reason": "over_the_cap", "rows": 2}]),
    ]
    return ReportData(
        release=RELEASE,
        date="21 November 2026",
        models=(ModelCard("judge", "demo teacher", "a" * 32, "Apache-2.0"),),
        funnel=pl.DataFrame(funnel, schema=FUNNEL, orient="row"),
        win_rates=win_rates(judged, WinRateSettings(resamples=200)),
        language_fidelity=table(fidelity, LanguageFidelity),
        criterion_scores=table(scores, CriterionScore),
        responses=pl.concat(answered),
        judgements=judged,
        steps=pl.DataFrame([("questions", 10, 100, 50, 2.5)], schema=STEPS, orient="row"),
        training_rows=pl.DataFrame([("row0", "de", "Where?", reply)], schema=TRAINING_ROWS, orient="row"),
    )
