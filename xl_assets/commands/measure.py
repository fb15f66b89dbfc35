"""`xl corpus measure`: what a reference corpus says of a language, as an entry for the language registry."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from xl_assets.commands.corpus import ColumnOption, Inputs, LayoutOption, SampleOption

if TYPE_CHECKING:
    import polars as pl

    from xl_assets.filters.language_id import Predict
    from xl_assets.languages import Language

err = Console(stderr=True)

#: Fewer documents than this say little, and so do they if the model takes fewer than half for the language.
_FEW, _DOUBTFUL = 100, 0.5

#: The method that loosens rules only: `tail` where that is milder than the rule's own threshold.
_CLEAN = "clean"

#: Share of the documents that may break a rule, where none is given.
_SHARES = {_CLEAN: 0.01, "tail": 0.1}


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
    ] = _CLEAN,
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
    """
    from resources.language_identifier import LanguageIdentifier

    way = Way(method, tuple(rules or ()), share)
    way.check(english is not None)
    reading = {"layout": layout, "sample": sample, "columns": {"text": text_column} if text_column else {}}
    documents = _read(inputs, language, most, reading)
    compared = _read(english, "en", most, reading) if english else None
    identifier = LanguageIdentifier(model)
    measured = measure_language(documents, language, identifier.predict, way, compared)
    for doubt in measured.doubts():
        err.print(doubt, style="yellow", markup=False, highlight=False, soft_wrap=True)
    source = f"{measured.notes['code']} by {identifier.name}"
    print(as_toml(measured.entry, {**measured.notes, "code": source}), end="")


@dataclass(frozen=True)
class Way:
    """How thresholds of rules are derived.

    Attributes:
        method: ``clean``, or one of `filters.deriving.METHODS`.
        sets: the rule sets; none: house for ``clean``, else what FineWeb2 adapts.
        share: of the documents, for ``clean`` and ``tail``; None for the method's own.
    """

    method: str = _CLEAN
    sets: tuple[str, ...] = ()
    share: float | None = None

    def check(self, compares: bool) -> None:
        """Raise UnknownMethod or UnknownRuleSet, before anything is read; `compares`: English text will be there."""
        import polars as pl

        from xl_assets.filters.deriving import METHODS, UnknownMethod, derive_thresholds

        if self.method not in (_CLEAN, *METHODS):
            raise UnknownMethod(f"no method is called {self.method!r}; the methods are {_CLEAN}, {', '.join(METHODS)}")
        self.rules()
        if self.method != _CLEAN and not compares:
            # Of no documents it says only whether the method needs English ones.
            derive_thresholds(pl.DataFrame(schema={"language": pl.String, "text": pl.String}), self.method, rules={})

    def rules(self) -> Mapping[str, float]:
        """Rule -> the threshold that the method starts from."""
        from xl_assets.filters.measures.fineweb import FINEWEB2_ADAPTED
        from xl_assets.filters.rules import HOUSE, thresholds_of
        from xl_assets.languages import get_language

        if not self.sets and self.method != _CLEAN:
            return FINEWEB2_ADAPTED
        return thresholds_of(replace(get_language("en"), thresholds={}), sets=self.sets or HOUSE)

    def derive(self, documents: "pl.DataFrame", compared: "pl.DataFrame | None") -> dict[str, float]:
        """The thresholds of the documents' language, which the registry must hold."""
        from xl_assets.filters.deriving import derive_thresholds
        from xl_assets.filters.rules import RULES

        rules, method = self.rules(), "tail" if self.method == _CLEAN else self.method
        derived = derive_thresholds(documents, method, rules=rules, english=compared, share=self._share())
        values = next(iter(derived.values()), {})
        if self.method != _CLEAN:
            return values
        milder = {
            name: value < rules[name] if RULES[name].least else value > rules[name] for name, value in values.items()
        }
        return {name: value for name, value in values.items() if milder[name]}

    def note(self) -> str:
        """What the thresholds are, in words."""
        chosen = ", ".join(self.sets) or ("house" if self.method == _CLEAN else "fineweb2, those that it adapts")
        if self.method == _CLEAN:
            return f"Rules ({chosen}) that more than {self._share():.3g} of the documents would break; method clean"
        share = f", share {self._share():.3g}" if self.method in _SHARES else ""
        return f"Rules ({chosen}); method {self.method}{share}"

    def _share(self) -> float:
        return _SHARES.get(self.method, 0.1) if self.share is None else self.share


@dataclass(frozen=True)
class Measured:
    """What was measured of a language.

    Attributes:
        entry: for the registry.
        documents: how many it rests on.
        agreed: share of them that the model takes for the language.
        notes: attribute of the entry -> where its value is from.
    """

    entry: "Language"
    documents: int
    agreed: float
    notes: Mapping[str, str]

    def doubts(self) -> Iterator[str]:
        """What speaks against using the entry as it is."""
        if self.agreed < _DOUBTFUL:
            yield (
                f"only {self.agreed:.0%} of the documents are identified as {self.entry.name}: "
                "is this the right corpus, and a model that knows the language?"
            )
        if self.documents < _FEW:
            yield f"{self.documents} documents are few: thresholds that hold need some hundred"


def measure_language(
    documents: "pl.DataFrame",
    code: str,
    predict: "Predict",
    way: Way | None = None,
    compared: "pl.DataFrame | None" = None,
) -> Measured:
    """Measure a language's entry.

    Args:
        documents: columns ``language`` (the code) and ``text``.
        code: a registered language, or one of lid.176's.
        predict: as for `language_id.identify`.
        way: how thresholds of rules are derived.
        compared: English documents, where the method compares with such.
    """
    from xl_assets.filters.deriving import derive_stop_words
    from xl_assets.filters.language_id import score_languages
    from xl_assets.languages import any_language

    chosen = way or Way()
    asked, source = _probabilities(documents, code, predict)
    entry = replace(any_language(code), thresholds={}, **asked)
    with _registered(entry):
        words = derive_stop_words(documents)[code]
    entry = replace(entry, stop_words=words or entry.stop_words)
    # With its stop words: some rules count them.
    with _registered(entry):
        entry = replace(entry, thresholds=chosen.derive(documents, compared))
    found = score_languages(documents, "text", predict)["lid_language"]
    agreed = int(found.eq(code).sum()) / documents.height
    notes = {
        "code": f"Measured on {documents.height:,} documents, of which {agreed:.1%} are identified as {code}",
        "document_threshold": source,
        "stop_words": f"The {len(words)} most frequent words",
        "thresholds": chosen.note(),
    }
    return Measured(entry, documents.height, agreed, notes)


def as_toml(entry: "Language", notes: Mapping[str, str] | None = None) -> str:
    """Write a language as a table of a language file: what differs from the defaults, and notes as comments.

    Args:
        entry: the language.
        notes: attribute -> what stands above it.
    """
    from xl_assets.languages import SCRIPT_CLASSES

    told = notes or {}
    values = {item.name: getattr(entry, item.name) for item in fields(entry)}
    code, thresholds = values.pop("code"), values.pop("thresholds")
    defaults = asdict(type(entry)(code, entry.name, entry.native_name, entry.script, entry.script_class))
    defaults["script_class"] = SCRIPT_CLASSES.get(entry.script)
    lines = [*_comment(told, "code"), f"[{code}]"]
    for name, value in values.items():
        if name in ("name", "native_name", "script", *told) or value != defaults[name]:
            lines += [*_comment(told, name), f"{name} = {_toml(' '.join(value) if name == 'stop_words' else value)}"]
    if thresholds:
        lines += ["", *_comment(told, "thresholds"), f"[{code}.thresholds]"]
        lines += [f"{name} = {_toml(value)}" for name, value in thresholds.items()]
    return "\n".join(lines) + "\n"


def _comment(notes: Mapping[str, str], name: str) -> list[str]:
    return [f"# {notes[name]}."] if name in notes else []


def _toml(value: Any) -> str:
    """JSON's strings, numbers, booleans and lists are TOML's too, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(inputs: list[str], code: str, most: int, reading: dict[str, Any]) -> "pl.DataFrame":
    """The documents with the smallest ids: neither order nor files matter, and memory is bounded."""
    import polars as pl

    from xl_assets.corpus.options import CorpusError, ReadOptions
    from xl_assets.corpus.reading import read_corpus

    taken, lost = pl.DataFrame(), 0
    for batch in read_corpus(inputs, ReadOptions(language=code, **reading)):
        rows = batch.documents.select("document_id", "language", "text")
        taken = pl.concat([taken, rows], how="diagonal").bottom_k(most, by="document_id")
        lost += batch.quarantined.height
    if taken.is_empty():
        raise CorpusError(f"{', '.join(inputs)}: none of {lost:,} records is a document; name another corpus")
    if lost:
        err.print(f"{lost:,} records are no documents and were left out", style="yellow")
    return taken.sort("document_id").select("language", "text")


def _probabilities(documents: "pl.DataFrame", code: str, predict: "Predict") -> tuple[dict[str, Any], str]:
    """Thresholds of identification as the shipped languages have them; FineWeb2's where no text has three lines."""
    import polars as pl

    from xl_assets.filters.thresholds import derive_lid_thresholds, derive_score_thresholds

    clean = derive_lid_thresholds(documents, predict).filter(pl.col("language") == code)
    if not clean.is_empty():
        return (
            clean.select("document_threshold", "line_threshold").row(0, named=True),
            f"Method clean: from {clean['passages'].item():,} passages of three lines, and from single lines",
        )
    scores = derive_score_thresholds(documents, predict).filter(pl.col("language") == code)
    if not scores.is_empty():
        return (
            scores.select("document_threshold").row(0, named=True),
            f"Method fineweb2: median less one standard deviation of {scores['documents'].item():,} documents",
        )
    return {}, "Default: nothing was identified as this language"


@contextmanager
def _registered(entry: "Language") -> Iterator[None]:
    """Let an entry count as registered: what derives thresholds reads the registry, as every filter does."""
    from xl_assets.languages import REGISTRY_VARIABLE, registry

    before = os.environ.get(REGISTRY_VARIABLE)
    known = {**registry(), entry.code: entry}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "languages.toml"
        file.write_text("\n".join(as_toml(language) for language in known.values()), encoding="utf-8")
        os.environ[REGISTRY_VARIABLE] = str(file)
        try:
            yield
        finally:
            del os.environ[REGISTRY_VARIABLE]
            if before is not None:
                os.environ[REGISTRY_VARIABLE] = before
