"""`xl corpus measure`: what a reference corpus says of a language, as an entry for the language registry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xl_assets.commands.corpus import ColumnOption, Inputs, LayoutOption, SampleOption, reading_options, refuse_broken
from xl_assets.commands.corpus_shown import err

if TYPE_CHECKING:
    from xl_assets.corpus.measuring import Reference


def measure(
    inputs: Inputs,
    language: Annotated[str, typer.Option("--language", help="Code of the language that all documents are in.")],
    method: Annotated[
        str,
        typer.Option(
            help="How thresholds are derived. clean: a rule's own, loosened where more than a share of the documents "
            "would break it. tail: such that a share breaks the rule. iqr: fences around the quartiles. "
            "mean_std, quantile, median_ratio: compared with --english. english: the rule's own."
        ),
    ] = "clean",
    rules: Annotated[
        list[str] | None,
        typer.Option(help="Set whose rules get thresholds; repeat it. Default: house with clean, else FineWeb2's."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the documents for clean (default 0.01) and tail (default 0.1)."),
    ] = None,
    english: Annotated[
        list[str] | None, typer.Option(help="English documents of the same kind, to compare with; repeat it.")
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, help="Documents that are measured at most, chosen by a hash of their id.")
    ] = 10_000,
    model: Annotated[str | None, typer.Option(help="fastText model by name or path; default lid.176.")] = None,
    layout: LayoutOption = None,
    text_column: ColumnOption = None,
    sample: SampleOption = None,
) -> None:
    """Measure clean documents of a language; print its entry for the file that XL_LANGUAGES names.

    The entry has name, script and labels of one of 176 languages, and from the documents: the probabilities that
    identification asks for, the most frequent words, and thresholds of rules.

    Some hundred documents of the kind that will be filtered are a good reference: encyclopedia, news, books.

    Example, then `xl corpus clean` knows Swedish:

        xl corpus measure news/sv/ --language sv > languages.toml
        export XL_LANGUAGES=languages.toml
    """
    from resources.language_identifier import LanguageIdentifier
    from xl_assets.corpus.measuring import Way, as_toml, measure_language

    way = Way(method, tuple(rules or ()), share)
    way.check(bool(english))
    identifier = LanguageIdentifier(model)
    reference = _read(inputs, language, most, layout, text_column, sample)
    compared = _read(english, "en", most, layout, text_column, sample) if english else None
    measured = measure_language(reference.documents, language, identifier.predict, way, compared and compared.documents)
    for doubt in measured.doubts():
        _say(doubt)
    source = f"{measured.notes['code']} by {identifier.name}"
    print(as_toml(measured.entry, {**measured.notes, "code": source}), end="")
    broken = {**reference.broken, **(compared.broken if compared else {})}
    refuse_broken(broken, "What came before was measured; fetch the file again for the whole")


def _read(inputs: Sequence[str], code: str, most: int, *how: Any) -> "Reference":
    from xl_assets.corpus.measuring import read_reference

    reference = read_reference(inputs, reading_options(code, *how), most)
    if reference.lost:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(reference.lost.items()))
        _say(f"{sum(reference.lost.values()):,} records are no documents and were left out: {reasons}")
    return reference


def _say(told: str) -> None:
    err.print(told, style="yellow", markup=False, highlight=False, soft_wrap=True)
