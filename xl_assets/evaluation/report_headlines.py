"""What a reader of a report came for: tiles, a sentence, and warnings of what may mislead."""

from xl_assets.evaluation.naming import kind_name, language_name, model_name
from xl_assets.evaluation.report_data import AFTER, BEFORE, ReportData
from xl_assets.evaluation.report_figures import headline_rates, in_language_order, in_model_order, of_headline
from xl_assets.evaluation.summary import documents, fidelity_change, training_rows, win_rate_change


def headlines(figures: dict, interval_name: str) -> list[dict[str, str]]:
    """The four figures that a reader came for.

    Args:
        figures: what `summary.summary` returned, with win rates withheld where they must be.
        interval_name: how intervals are called.

    Returns:
        Tiles: ``value``, ``unit``, ``label``, ``note``.
    """
    entries = figures["languages"].values()
    kept_of = [found for found in map(documents, entries) if found]
    rows = [found for found in map(training_rows, entries) if found is not None]
    average = figures["average"]
    tiles = []
    if kept_of:
        kept, read = (sum(column) for column in zip(*kept_of, strict=True))
        tiles.append({"value": f"{kept:,}", "unit": "", "label": "documents kept", "note": f"of {read:,} read"})
    if rows:
        note = f"in {len(rows)} languages" if len(rows) > 1 else "in one language"
        tiles.append({"value": f"{sum(rows):,}", "unit": "", "label": "training rows", "note": note})
    if average["language_fidelity"]:
        change = fidelity_change(average)
        tiles.append({"value": change, "unit": "%", "label": "in the requested language", "note": "before → after"})
    if average["win_rate"]:
        change, _, interval = win_rate_change(average).rstrip("]").partition(" [")
        note = "before → after" + (f", {interval_name} {interval.replace(', ', ' to ')}" if interval else "")
        tile = {"value": change, "unit": "%", "label": "win rate", "note": note}
        if all(rate["win_rate"] is None for rate in average["win_rate"].values()):
            tile |= {"value": "none", "unit": "", "note": "too few verdicts; see the summary"}
        tiles.append(tile)
    return tiles


def verdict(figures: dict) -> str:
    """What the figures say, in a sentence; nothing where there is nothing to compare."""
    average = figures["average"]
    shares = [average["language_fidelity"].get(model) for model in (BEFORE, AFTER)]
    rates = [average["win_rate"].get(model, {}).get("win_rate") for model in (BEFORE, AFTER)]
    if None in shares:
        return ""
    count = sum(entry["kind"] == average["kind"] for entry in figures["languages"].values())
    languages = "one language" if count == 1 else f"{count} languages"
    about = (
        f"On {kind_name(average['kind'])} prompts in {languages}, the share of answers in the requested language went "
        f"from {100 * shares[0]:.1f} % to {100 * shares[1]:.1f} % with fine-tuning"
    )
    if None in rates:
        return f"{about}."
    return f"{about}, and the win rate against the reference from {rates[0]:.1f} % to {rates[1]:.1f} %."


def warnings(data: ReportData) -> list[str]:
    """Models without a headline win rate in some language, and why."""
    rates = of_headline(headline_rates(data))
    withheld: dict[str, dict[str, str]] = {}
    for row in rates.filter(rates["why"].is_not_null()).iter_rows(named=True):
        withheld.setdefault(row["model"], {})[row["language"]] = row["why"]
    return [
        f"No headline win rate of the {model_name(model)} model: "
        + "; ".join(f"{language_name(code)}: {reasons[code]}" for code in in_language_order(reasons))
        + ". What is left may not be a fair sample."
        for model in in_model_order(withheld)
        if (reasons := withheld[model])
    ]
