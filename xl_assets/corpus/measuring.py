"""Measuring a language: what a reference corpus says of it, as an entry for the language registry."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from xl_assets.corpus.options import CorpusError, ReadOptions
from xl_assets.corpus.reading import BROKEN, read_corpus
from xl_assets.filters.deriving import METHODS, UnknownMethod, derive_stop_words, derive_thresholds
from xl_assets.filters.language_id import Predict, score_languages
from xl_assets.filters.measures.fineweb import FINEWEB2_ADAPTED
from xl_assets.filters.rules import HOUSE, RULES, thresholds_of
from xl_assets.filters.thresholds import derive_lid_thresholds, derive_score_thresholds
from xl_assets.languages import REGISTRY_VARIABLE, SCRIPT_CLASSES, Language, any_language, get_language, registry

#: Fewer documents than this say little, and so do they if the model takes fewer than half for the language.
_FEW, _DOUBTFUL = 100, 0.5

#: The method that loosens rules only: `tail` where that is milder than the rule's own threshold.
CLEAN = "clean"

#: The methods that compare with English text.
COMPARING = ("mean_std", "quantile", "median_ratio")

#: Share of the documents that may break a rule, where none is given.
_SHARES = {CLEAN: 0.01, "tail": 0.1}
_LISTED = " or ".join(_SHARES)


class Reference(NamedTuple):
    """A reference corpus as it was read.

    Attributes:
        documents: columns ``language`` and ``text``.
        lost: why a record is no document -> how many.
        broken: file that breaks off -> why.
    """

    documents: pl.DataFrame
    lost: Mapping[str, int]
    broken: Mapping[str, str]


def read_reference(inputs: Sequence[str], options: ReadOptions, most: int) -> Reference:
    """Read the documents with the smallest ids: neither order nor files matter, and memory is bounded.

    Args:
        inputs: files, folders, globs or URLs.
        options: with the language that all documents are in.
        most: so many documents at most.

    Raises:
        CorpusError: no record is a document.
        SeedError: an input is missing, empty or can't be read.
        UnknownLanguage: neither registered nor one of lid.176's.
    """
    taken = pl.DataFrame()
    lost: Counter[str] = Counter()
    broken: dict[str, str] = {}
    for batch in read_corpus(inputs, options):
        rows = batch.documents.select("document_id", "language", "text")
        taken = pl.concat([taken, rows], how="diagonal").bottom_k(most, by="document_id")
        lost.update(batch.quarantined["reason"].to_list())
        broken |= dict(batch.quarantined.filter(pl.col("reason").is_in(BROKEN)).select("file", "reason").iter_rows())
    if taken.is_empty():
        told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(lost.items()))
        raise CorpusError(
            f"{', '.join(inputs)}: no record is a document ({told}); name another corpus or --text-column"
        )
    return Reference(taken.sort("document_id").select("language", "text"), lost, broken)


@dataclass(frozen=True)
class Way:
    """How thresholds of rules are derived.

    Attributes:
        method: ``clean``, or one of `filters.deriving.METHODS`.
        sets: the rule sets; none: house for ``clean``, else what FineWeb2 adapts.
        share: of the documents, for ``clean`` and ``tail``; None for the method's own.
    """

    method: str = CLEAN
    sets: tuple[str, ...] = ()
    share: float | None = None

    def check(self, compares: bool) -> None:
        """Say what is wrong before anything is read.

        Args:
            compares: whether there will be English text.

        Raises:
            UnknownMethod: names the methods there are, or the option that is missing or has no effect.
            UnknownRuleSet: names the sets there are.
        """
        if self.method not in (CLEAN, *METHODS):
            raise UnknownMethod(f"no method is called {self.method!r}; the methods are {CLEAN}, {', '.join(METHODS)}")
        if self.share is not None and self.method not in _SHARES:
            raise UnknownMethod(f"method {self.method} has no use for a share; leave it out or choose {_LISTED}")
        if self.method in COMPARING and not compares:
            raise UnknownMethod(f"method {self.method} compares with English text: name some with --english")
        if compares and self.method not in COMPARING:
            raise UnknownMethod(f"method {self.method} has no use for English text; leave out --english")
        self.rules()

    def rules(self) -> Mapping[str, float]:
        """Rule -> the threshold that the method starts from."""
        if not self.sets and self.method != CLEAN:
            return FINEWEB2_ADAPTED
        return thresholds_of(replace(get_language("en"), thresholds={}), sets=self.sets or HOUSE)

    def derive(self, documents: pl.DataFrame, compared: pl.DataFrame | None) -> dict[str, float]:
        """The thresholds of the documents' language, which the registry must hold."""
        rules, method = self.rules(), "tail" if self.method == CLEAN else self.method
        derived = derive_thresholds(documents, method, rules=rules, english=compared, share=self._share())
        values = next(iter(derived.values()), {})
        if self.method != CLEAN:
            return values
        milder = {
            name: value < rules[name] if RULES[name].least else value > rules[name] for name, value in values.items()
        }
        return {name: value for name, value in values.items() if milder[name]}

    def note(self) -> str:
        """What the thresholds are, in words."""
        chosen = ", ".join(self.sets) or ("house" if self.method == CLEAN else "fineweb2, those that it adapts")
        if self.method == CLEAN:
            return f"Method clean: rules ({chosen}) that more than {100 * self._share():.3g} % of the documents broke"
        share = f", which {100 * self._share():.3g} % of the documents break" if self.method in _SHARES else ""
        return f"Method {self.method}: rules ({chosen}){share}"

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

    entry: Language
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
    documents: pl.DataFrame,
    code: str,
    predict: Predict,
    way: Way | None = None,
    compared: pl.DataFrame | None = None,
) -> Measured:
    """Measure a language's entry.

    Args:
        documents: columns ``language`` (the code) and ``text``.
        code: a registered language, or one of lid.176's.
        predict: as for `filters.language_id.identify`.
        way: how thresholds of rules are derived.
        compared: English documents, where the method compares with such.
    """
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


def as_toml(entry: Language, notes: Mapping[str, str] | None = None) -> str:
    """Write a language as a table of a language file: what differs from the defaults, and notes as comments.

    Args:
        entry: the language.
        notes: attribute -> what stands above it.
    """
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


def _probabilities(documents: pl.DataFrame, code: str, predict: Predict) -> tuple[dict[str, Any], str]:
    """Thresholds of identification as the shipped languages have them; FineWeb2's where no text has three lines."""
    # A model that never names the language gives no numbers.
    told = pl.col("document_threshold", "line_threshold").is_finite()
    clean = derive_lid_thresholds(documents, predict).filter(pl.col("language") == code, told)
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
def _registered(entry: Language) -> Iterator[None]:
    """Let an entry count as registered: what derives thresholds reads the registry, as every filter does."""
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
