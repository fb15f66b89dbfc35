"""A report's headline figures as Markdown, for the metadata of the Dagster UI."""

import re

from xl_assets.evaluation.naming import kind_name, language_name, model_name
from xl_assets.evaluation.plots import markdown_image, to_png
from xl_assets.evaluation.report_comparison import compare
from xl_assets.evaluation.report_data import ReportData
from xl_assets.evaluation.report_figures import ResultTable, result_tables
from xl_assets.evaluation.report_machines import headlines_only
from xl_assets.evaluation.report_pictures import charts

_PICTURES = {
    "win_rate": "Win rate against the reference",
    "length_controlled": "Length-controlled win rate",
    "fidelity": "Answers in the requested language",
    "change": "Change since an earlier release",
}
_COLUMNS = (
    "language", "model", "win rate, % [interval]", "length-controlled, %", "coverage, %", "orders agree, %",
    "in language, %", "LCPR, %",
)  # fmt: skip


def report_metadata(data: ReportData) -> dict[str, str]:
    """Name -> Markdown: the headline table, why figures are withheld, and the plots as pictures.

    Args:
        data: of the report. What there is nothing of is left out.
    """
    data = headlines_only(data)
    drawn = charts(data, compare(data))
    found = {
        f"{name}_plot": markdown_image(to_png(drawn[name]), words) for name, words in _PICTURES.items() if name in drawn
    }
    tables = result_tables(data)
    if tables:
        found["headline"] = _markdown(tables[0])
        if tables[0].notes:
            found["not_headline"] = "\n".join(f"- {_plain(note)}" for note in tables[0].notes)
    if data.earlier is not None:
        found["compared_with"] = _plain(data.earlier.release)
    return found


def _markdown(table: ResultTable) -> str:
    rows = [
        (language_name(group["language"]), model_name(row["model"]), *_cells(row))
        for group in table.groups
        for row in group["rows"]
        if row["rate"]
    ]
    lines = [_COLUMNS, ("---",) * len(_COLUMNS), *rows]
    cells = [" | ".join(cell if cell == "---" else _plain(cell) for cell in line) for line in lines]
    return f"{kind_name(table.kind)} prompts\n\n" + "\n".join(f"| {line} |" for line in cells)


def _cells(row: dict) -> tuple[str, ...]:
    rate, controlled = row["rate"], row["scores"].get("length_controlled_win_rate")
    ends = "" if rate["low"] is None else f" [{rate['low']:.1f}, {rate['high']:.1f}]"
    return (
        f"{_number(rate['win_rate'])}{ends}",
        _number(controlled["value"] if controlled and controlled["headline"] else None),
        _number(rate["coverage"], 100),
        _number(rate["order_consistency"], 100),
        _number(row["share"], 100),
        _number(row["confusion"] and row["confusion"]["lcpr"], 100),
    )


def _number(value: float | None, scale: float = 1) -> str:
    return "–" if value is None else f"{scale * value:.1f}"


def _plain(text: str) -> str:
    """Text without what Markdown or HTML would obey."""
    return re.sub(r"[^\w ,.:;%()\[\]+'–-]", " ", text).replace("_", " ").replace("](", "] (")
