"""Whatever the bytes: never a crash, never a lost count.

More than ten thousand mutated corpora of every format are read, and what can be read of them goes through
identification, filters and `xl corpus clean`'s judging. ``XL_FUZZ_EXAMPLES=10000`` tries that many examples of each
format instead of the few that a test run has time for.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.language_identifier import LanguageIdentifier
from tests.seeds.mutations import CORPORA, TEXTS, mutated
from xl_assets.corpus.judging import judge_batch
from xl_assets.corpus.options import CleanOptions
from xl_assets.filters.language_id import identify_documents
from xl_assets.filters.pipeline import filter_documents
from xl_assets.seeds.readers import SeedBatch, SeedError, read_seeds
from xl_assets.tables import IdentifiedDocument, QuarantinedLine, SeedDocument, check_table, empty_table

#: Examples of each format, and corpora in an example.
_EXAMPLES, _CORPORA = int(os.environ.get("XL_FUZZ_EXAMPLES", "54")), 25

#: Documents that are judged at once; of each format so many batches are.
_AT_ONCE, _BATCHES = 500, 2

_LANGUAGES = ("en", "zh", "hi", "km", "th", "ar", "mt", "he")

_fuzz = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

_reading = st.fixed_dictionaries(
    {
        "language": st.sampled_from(["en", None]),
        "batch_rows": st.sampled_from([3, 20, 100]),
        "max_line_bytes": st.sampled_from([300, 100_000]),
        "sample": st.sampled_from([1.0, 0.5]),
        "text_unit": st.sampled_from(["file", "block", "line"]),
        "columns": st.sampled_from([None, {"source_id": "id"}]),
    }
)


@pytest.mark.parametrize("ending", CORPORA)
def test_a_mutated_corpus_is_accounted_for_and_what_is_read_passes_the_chain(tmp_path: Path, ending: str) -> None:
    tried: set[bytes] = set()
    read: list[SeedBatch] = []
    refused = 0

    @settings(_fuzz, max_examples=_EXAMPLES)
    @given(seed=st.integers(0, 2**64 - 1), reading=_reading)
    def check(seed: int, reading: Mapping[str, object]) -> None:
        nonlocal refused
        found: list[SeedBatch] = []
        for number in range(_CORPORA):
            data = mutated(CORPORA[ending], f"{seed} {number}")
            tried.add(data)
            batches = _read(tmp_path / f"x{ending}", data, reading)
            refused += batches is None
            found += batches or []
        _check_tables(found)
        read.extend(found)

    check()
    assert len(tried) > 0.9 * _EXAMPLES * _CORPORA
    assert refused < len(tried) / 2  # most are read in part
    _judge(read)


@settings(_fuzz, max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_LANGUAGES),
            st.lists(st.sampled_from([*TEXTS, "\n", " ", "\x85", "\ufffd" * 9]) | st.text(max_size=30), max_size=12),
        ),
        min_size=20,
        max_size=60,
    )
)
def test_any_text_in_any_language_is_identified_and_judged_and_none_is_lost(
    texts: list[tuple[str, list[str]]],
) -> None:
    rows = {
        "document_id": [f"{number:032x}" for number in range(len(texts))],
        "language": [language for language, _ in texts],
        "text": ["".join(pieces) for _, pieces in texts],
        "file": ["f"] * len(texts),
        "line": range(1, len(texts) + 1),
    }
    _judge_documents(pl.concat([empty_table(SeedDocument), pl.DataFrame(rows)], how="diagonal_relaxed"))


@settings(_fuzz, max_examples=200)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\0\u200b\u202e\n\r\\"é猫'))),
    escaped=st.booleans(),
    batch_rows=st.integers(1, 4),
)
def test_every_text_that_json_can_hold_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], escaped: bool, batch_rows: int
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=escaped) + "\n" for text in ["first", *texts]))
    documents = pl.concat(batch.documents for batch in read_seeds(str(path), "en", batch_rows=batch_rows))
    assert documents["text"].to_list() == ["first", *texts]


def _read(path: Path, data: bytes, reading: Mapping[str, object]) -> list[SeedBatch] | None:
    """Read a corpus, counting; None where it is refused as a whole."""
    path.write_bytes(data)
    try:
        batches = list(read_seeds(str(path), **reading))  # type: ignore[arg-type]
    except SeedError:
        return None
    for batch in batches:
        left_out = batch.other_language + batch.sampled_out
        assert batch.lines == batch.documents.height + batch.quarantined.height + left_out > 0
    wide = any(batch.quarantined["reason"].str.starts_with("utf").any() for batch in batches)
    if path.suffix == ".jsonl" and not wide:
        assert sum(batch.lines for batch in batches) == len(data.removeprefix(b"\xef\xbb\xbf").splitlines())
    return batches


def _check_tables(batches: list[SeedBatch]) -> None:
    """Every table is what its contract says; ids are unique in a corpus only, so one of each is looked at."""
    documents, quarantined = _joined(batches)
    check_table(documents, SeedDocument)
    check_table(quarantined, QuarantinedLine)


def _joined(batches: list[SeedBatch]) -> tuple[pl.DataFrame, pl.DataFrame]:
    documents = pl.concat([empty_table(SeedDocument), *(batch.documents for batch in batches)])
    quarantined = pl.concat([empty_table(QuarantinedLine), *(batch.quarantined for batch in batches)])
    return documents.unique("document_id", maintain_order=True), quarantined.unique("line_id", maintain_order=True)


def _judge(read: list[SeedBatch]) -> None:
    """What was read, through `xl corpus clean` as it is, and through the assets' functions as of known languages."""
    documents, quarantined = _joined(read)
    documents = documents.unique("text", maintain_order=True)
    for number in range(_BATCHES):
        some = documents.slice(number * _AT_ONCE, _AT_ONCE)
        bad = quarantined.slice(number * _AT_ONCE, _AT_ONCE)
        judged = judge_batch(some, bad, _identifier, CleanOptions())
        assert judged.decisions.height == some.height + bad.height
        assert judged.decisions.filter(pl.col("kept") != (pl.col("reasons").list.len() == 0)).is_empty()
        assert judged.documents.height == judged.decisions["kept"].sum()
        languages = [_LANGUAGES[at % len(_LANGUAGES)] for at in range(some.height)]
        _judge_documents(some.with_columns(pl.Series("language", languages, dtype=pl.String)))


def _judge_documents(documents: pl.DataFrame) -> None:
    identified = identify_documents(documents, _identifier.predict)
    check_table(identified, IdentifiedDocument)
    assert identified["document_id"].to_list() == documents["document_id"].to_list()
    # Every text is filtered, whatever identification says of it.
    filtered = filter_documents(identified.with_columns(kept=pl.lit(True)))
    assert filtered["document_id"].to_list() == documents["document_id"].to_list()
    assert filtered.filter(pl.col("kept") != (pl.col("reasons").list.len() == 0)).is_empty()


_identifier = LanguageIdentifier()
