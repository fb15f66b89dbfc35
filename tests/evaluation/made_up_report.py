"""A made-up release of nine languages with every table that a report can show, as the steps would write them."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl

from tests.evaluation.made_up import HOSTILE, judgement, judgements, report_data, responses, table
from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.contract_fidelity import LanguageConfusionRow
from xl_assets.evaluation.contract_surrogate import SurrogateScore
from xl_assets.evaluation.headline import headline_win_rates
from xl_assets.evaluation.judge_figures import judge_figures
from xl_assets.evaluation.model_scores import model_scores
from xl_assets.evaluation.reference_metrics import reference_metrics
from xl_assets.evaluation.report_data import EarlierRelease, ReportData
from xl_assets.evaluation.surrogate import fit_surrogate
from xl_assets.evaluation.surrogate_features import surrogate_rows
from xl_assets.evaluation.win_rate import win_rates
from xl_assets.tables import CriterionScore, EvalPrompt, LanguageFidelity, ReferenceMetric, check_table

SENTENCES = {
    "de": "Der Fuchs lebt im Wald und frisst Beeren.",
    "pt": "A raposa vive na floresta e come bagas.",
    "hu": "A róka az erdőben él, és bogyókat eszik.",
    "lt": "Lapė gyvena miške ir ėda uogas.",
    "ga": "Cónaíonn an sionnach sa choill agus itheann sé caora.",
    "mt": "Il-volpi tgħix fil-foresta u tiekol il-frott.",
    "zh": "狐狸住在森林里，吃浆果。",
    "hi": "लोमड़ी जंगल में रहती है और जामुन खाती है।",
    "fi": "Kettu elää metsässä ja syö marjoja.",
}
ENGLISH_ANSWER = "The fox lives in the forest and eats berries."
CRITERIA = ("precision", "informativeness", "naturalness", "objectivity")

#: Of which the judge's calls failed for one prompt in five: no headline figure.
SHORT = "mt"

RESAMPLING = Resampling(resamples=200)


@cache
def whole_report_data(prompts: int = 30, seed: int = 1, lost: float = 0.2) -> ReportData:
    """Everything at once: cross-lingual and same-language prompts, faults of the judge, hostile raw words, an earlier
    release, a surrogate.

    Args:
        prompts: of each language and kind.
        seed: of what is answered and judged.
        lost: share of the prompts in the language ``SHORT`` that have no verdict.
    """
    draw = np.random.default_rng(seed)
    asked = _prompts(prompts)
    base = responses(asked, "base", lambda prompt: _answer(prompt, 0.15, draw))
    tuned = responses(asked, "fine_tuned", lambda prompt: _answer(prompt, 0.93, draw))
    reference = responses(asked, "reference", lambda prompt: SENTENCES[prompt["language"]] * 2)
    answered = pl.concat([base, tuned])
    judged = _judged(answered, lost, draw)
    fidelity = _fidelity(pl.concat([answered, reference]))
    confusion = _confusion(pl.concat([answered, reference]))
    texts = reference.select("prompt_id", reference="response")
    overlap = reference_metrics(answered.join(texts, on="prompt_id"), ("release", "model", "kind", "language"))
    names = {"judge": "big judge", "reference": "good reference", "base": "small model", "fine_tuned": "small model"}
    rows = surrogate_rows(answered, reference, judged, confusion, fidelity)
    surrogate = fit_surrogate(rows)
    earlier = _judged(answered, 0.0, np.random.default_rng(seed + 1))
    return replace(
        report_data(),
        win_rates=headline_win_rates(win_rates(judged, RESAMPLING), judged),
        model_scores=model_scores(judged, answered, reference, fidelity, confusion, RESAMPLING),
        language_fidelity=fidelity,
        language_confusion=confusion,
        reference_metrics=check_table(overlap, ReferenceMetric),
        criterion_scores=_criteria(answered, draw),
        judge_figures=judge_figures(judged, answered, reference, "pairwise", names, prices=(0.5, 1.5)),
        surrogate_scores=check_table(surrogate.predict(rows), SurrogateScore),
        surrogate_report=surrogate.report,
        responses=pl.concat([answered, reference]),
        judgements=judged,
        earlier=EarlierRelease("r0", earlier, ("The judge was another model then.",)),
    )


def _prompts(count: int) -> pl.DataFrame:
    rows = [
        {
            "prompt_id": f"{kind}-{number}-{language}",
            "cluster_id": f"c{number}",
            "language": language,
            "kind": kind,
            "instruction": f"Where does animal {number} live, and what does it eat? Answer in one sentence.",
            "source": "made up",
        }
        for kind in ("cross_lingual", "same_language")
        for language in SENTENCES
        for number in range(count)
    ]
    return table(rows, EvalPrompt)


def _answer(prompt: dict, share: float, draw: np.random.Generator) -> str:
    text = SENTENCES[prompt["language"]] if draw.random() < share else ENGLISH_ANSWER
    return "\n".join([text] * int(draw.integers(1, 4)))


def _judged(answered: pl.DataFrame, lost: float, draw: np.random.Generator) -> pl.DataFrame:
    rows = []
    for row in answered.to_dicts():
        good = 0.5 if row["response"].startswith(SENTENCES[row["language"]]) else 0.05
        fails = row["language"] == SHORT and draw.random() < lost
        for order in ("reference_first", "model_first"):
            given = {"outcome": "missing", "preference": None, "reason": "timeout", "failure": "timeout after 60 s"}
            if not fails:
                words = (
                    HOSTILE if row["prompt_id"].endswith("-0-de") else "Output (a) answers in the right language. " * 20
                )
                preference = float(np.clip(1 + good + draw.normal(0, 0.15), 1, 2))
                given = {"preference": preference, "verdict": "M" if preference > 1.5 else "m", "raw_completion": words}
            identity = {name: row[name] for name in ("prompt_id", "cluster_id", "language", "kind", "response_id")}
            key = {"judgement_id": f"{row['response_id']}-{order}", "reference_id": f"reference-{row['prompt_id']}"}
            rows.append(judgement(model=row["model"], order=order) | identity | key | given)
    return judgements(rows)


_IDENTITY = ("response_id", "release", "prompt_id", "language", "kind", "model")


def _right(row: dict) -> bool:
    return row["response"].startswith(SENTENCES[row["language"]])


def _fidelity(answered: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {name: row[name] for name in _IDENTITY}
        | {"lid_language": row["language"] if _right(row) else "en", "in_language": _right(row)}
        | dict.fromkeys(("lid_score", "language_score", "line_share", "script_share"))
        for row in answered.to_dicts()
    ]
    return table(rows, LanguageFidelity)


def _confusion(answered: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {name: row[name] for name in _IDENTITY}
        | {"counted": True, "skip_reason": None, "lines": 1 + row["response"].count("\n"), "english_words": []}
        | {"wrong_lines": [] if _right(row) else [{"line": 1, "text": ENGLISH_ANSWER, "label": "en", "score": 0.9}]}
        | {"line_pass": _right(row), "script_share": 1.0 if _right(row) else 0.0}
        | {"word_pass": True if _right(row) and row["language"] in ("zh", "hi") else None}
        for row in answered.to_dicts()
    ]
    return table(rows, LanguageConfusionRow)


def _criteria(answered: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    rows = [
        {name: row[name] for name in _IDENTITY}
        | {
            "criterion": name,
            "call_id": "call",
            "score": int(draw.integers(3, 6) if _right(row) else draw.integers(1, 4)),
        }
        for row in answered.filter(kind="cross_lingual").to_dicts()
        for name in CRITERIA
    ]
    return table(rows, CriterionScore)


if __name__ == "__main__":
    import sys

    from xl_assets.evaluation.report import render_report

    sys.stdout.write(render_report(whole_report_data(lost=float(sys.argv[1]) if sys.argv[1:] else 0.2)))
