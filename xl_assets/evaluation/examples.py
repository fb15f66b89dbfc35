"""What a report shows beside figures: answers side by side, and training rows with their ids."""

import polars as pl

from xl_assets.evaluation.naming import language_name, model_name
from xl_assets.evaluation.report_data import AFTER, BEFORE, HEADLINE_KIND, REFERENCE, TRAINING_ROWS, ReportData
from xl_assets.evaluation.win_rate import is_tie

SHOWN_MODELS = (BEFORE, AFTER, REFERENCE)

#: Code points shown of an answer, of a judge's words and of a line; what is longer is cut, and said to be.
LONGEST_ANSWER, LONGEST_WORDS, LONGEST_LINE = 4000, 600, 160

#: Lines in another language shown of an answer.
WRONG_LINES = 3


def examples(data: ReportData) -> dict[str, list[dict]]:
    """Prompts with the answers of all models and the judge's verdicts.

    Chosen by prompt id, which is a hash: neither best nor worst, and the same ones every time.

    Returns:
        For each language, sorted by its name, prompts: ``prompt_id``, ``language``, ``kind``, ``instruction`` and
        ``answers``; of each answer ``model``, ``response`` (cut, or None), ``cut`` (code points left out), ``problem``
        (why there is none), ``fidelity`` (``ok`` and ``text``, or None), ``verdict`` (words, or None), ``raw`` (what
        the judge wrote in each order: ``order``, ``text``, ``cut``, ``failure``) and ``wrong_lines`` (``text``,
        ``cut``, ``label``).
    """
    prompts = _chosen(data.responses, data.examples)
    shown = (
        data.responses.join(prompts.select("prompt_id"), on="prompt_id", how="semi")
        .join(_fidelity(data.language_fidelity), on="response_id", how="left")
        .join(_verdicts(data.judgements), on="response_id", how="left")
        .join(data.language_confusion.select("response_id", "wrong_lines"), on="response_id", how="left")
    )
    answers = {key[0]: rows for key, rows in shown.partition_by("prompt_id", as_dict=True).items()}
    grouped: dict[str, list[dict]] = {code: [] for code in sorted(set(prompts["language"]), key=language_name)}
    for prompt in prompts.iter_rows(named=True):
        grouped[prompt["language"]].append(prompt | {"answers": _answers(answers[prompt["prompt_id"]])})
    return grouped


def traced_rows(data: ReportData) -> list[dict]:
    """The first training row of each language by row id, which is a hash; sorted by the language's name."""
    rows = (
        data.training_rows.select(TRAINING_ROWS.names())
        .sort("language", "row_id")
        .group_by("language", maintain_order=True)
        .head(1)
    )
    return sorted(rows.to_dicts(), key=lambda row: language_name(row["language"]))


def _chosen(responses: pl.DataFrame, count: int) -> pl.DataFrame:
    kinds = set(responses["kind"])
    kind = HEADLINE_KIND if HEADLINE_KIND in kinds else min(kinds, default="")
    return (
        responses.filter(pl.col("kind") == kind)
        .select("prompt_id", "language", "kind", "instruction")
        .unique("prompt_id")
        .sort("language", "prompt_id")
        .group_by("language", maintain_order=True)
        .head(count)
        .select("prompt_id", "language", "kind", "instruction")
    )


def _fidelity(fidelity: pl.DataFrame) -> pl.DataFrame:
    return fidelity.select("response_id", "lid_language", "in_language")


def _verdicts(judgements: pl.DataFrame) -> pl.DataFrame:
    return judgements.sort("order").group_by("response_id").agg(
        pl.when(pl.col("preference").null_count() == 0).then(pl.col("preference").mean()).alias("preference"),
        is_tie().all().alias("tie"),
        pl.col("outcome").unique().sort().alias("outcomes"),
        pl.struct("order", "verdict", "outcome", "reason", "raw_completion", "failure").alias("verdicts"),
    )  # fmt: skip


def _answers(rows: pl.DataFrame) -> list[dict]:
    by_model = {row["model"]: row for row in rows.sort("model").iter_rows(named=True)}
    order = [model for model in SHOWN_MODELS if model in by_model]
    return [_answer(by_model[model]) for model in [*order, *sorted(set(by_model) - set(order))]]


def _answer(row: dict) -> dict:
    response, cut = _cut(row["response"], LONGEST_ANSWER)
    return {
        "model": model_name(row["model"]),
        "response": response,
        "cut": cut,
        "problem": ", ".join(row["reasons"]).replace("_", " "),
        "fidelity": _language_tag(row),
        "verdict": _verdict(row),
        "raw": _raw_words(row),
        "wrong_lines": [_wrong_line(line) for line in (row["wrong_lines"] or [])[:WRONG_LINES]],
    }


def _cut(text: str | None, longest: int) -> tuple[str | None, int]:
    """The beginning of a text, and how many code points were left out."""
    return (text, 0) if text is None or len(text) <= longest else (text[:longest], len(text) - longest)


def _raw_words(row: dict) -> list[dict]:
    """What the judge itself wrote, an entry an order in which it was asked."""
    asked = [verdict for verdict in row["verdicts"] or [] if verdict["raw_completion"] or verdict["failure"]]
    return [
        {
            "order": verdict["order"].replace("_", " "),
            "text": (words := _cut(verdict["raw_completion"], LONGEST_WORDS))[0],
            "cut": words[1],
            "failure": verdict["failure"],
        }
        for verdict in asked
    ]


def _wrong_line(line: dict) -> dict:
    text, cut = _cut(line["text"], LONGEST_LINE)
    return {"text": text, "cut": cut, "label": language_name(line["label"]) if line["label"] else "no known language"}


def _language_tag(row: dict) -> dict | None:
    if row["in_language"] is None or row["response"] is None:
        return None
    wanted, found = language_name(row["language"]), row["lid_language"]
    if row["in_language"]:
        return {"ok": True, "text": f"in {wanted}"}
    known = f": {language_name(found)}" if found and found != row["language"] else ""
    return {"ok": False, "text": f"not in {wanted}{known}"}


def _verdict(row: dict) -> str | None:
    if row["outcomes"] is None:
        return None
    if row["preference"] is None:
        reasons = sorted({verdict["reason"] for verdict in row["verdicts"] if verdict["reason"]})
        told = f" ({', '.join(reasons).replace('_', ' ')})" if reasons else ""
        return f"no verdict: {', '.join(row['outcomes'])}{told}"
    if row["outcomes"] == ["identical"]:
        return "same text as the reference: a tie"
    raw = " and ".join(
        f"{verdict['verdict']} with the {verdict['order'].replace('_', ' ')}"
        for verdict in row["verdicts"]
        if verdict["verdict"]
    )
    points = 100 * (row["preference"] - 1)
    better = "a tie" if row["tie"] else "better than the reference" if points > 50 else "worse than the reference"
    return f"{better}: {points:.0f} of 100 points; the judge said {raw}" if raw else f"{better}: {points:.0f} of 100"
