"""A partition that is filtered batch by batch comes out as if it were filtered at once."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.corpus.made_up import texts
from xl_assets.filters.pipeline import FilterModels, FilterSettings, filter_documents
from xl_assets.filters.quality_model import QualitySettings
from xl_assets.filters.streaming import filter_in_batches
from xl_assets.tables import SeedDocument, empty_table


class WordScorer:
    """Stands for a classifier: the more often a text says "the", the better it is."""

    labels = ("__label__high", "__label__low")

    def score(self, texts: pl.Series, k: int) -> pl.DataFrame:
        high = (texts.str.count_matches(" the ") / 20).clip(0.0, 1.0).cast(pl.Float64)
        rows = pl.DataFrame({"high": high, "low": 1.0 - high})
        return rows.select(
            pl.lit(pl.Series([list(self.labels)])).first().alias("labels"),
            pl.concat_list("high", "low").alias("scores"),
        )


@pytest.fixture(scope="module")
def documents() -> pl.DataFrame:
    found = texts("en", 60)
    every = [
        *found,
        *(f"{text}!" for text in found[3:9]),
        *(f"{text} Indeed." for text in found[12:20]),
        "Menu",
        "a " * 90,
    ]
    frame = pl.DataFrame({"text": every}).with_row_index("n")
    return frame.select(
        pl.format("d{}", pl.col("n") * 37 % 101).alias("document_id"),
        pl.lit("en").alias("language"),
        "text",
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("source_id", "url", "source", "license")),
        pl.lit("f").alias("file"),
        pl.col("n").cast(pl.Int64).alias("line"),
    )


SETTINGS = FilterSettings(quality=QualitySettings(0.6))
MODELS = FilterModels(quality={"en": WordScorer()})


@given(cuts=st.lists(st.integers(0, 76), max_size=6))
@hypothesis_settings(max_examples=8, deadline=None)
def test_batches_change_nothing(documents, cuts):
    bounds = [0, *sorted(cuts), documents.height]
    batches = [documents[start:end] for start, end in pairwise(bounds)]
    found = pl.concat(filter_in_batches(iter(batches), SETTINGS, MODELS))
    assert found.equals(filter_documents(documents, SETTINGS, MODELS))
    reasons = set(found["reasons"].explode().drop_nulls())
    assert {"exact_duplicate", "near_duplicate", "low_quality", "too_short"} <= reasons


def test_each_frame_is_shown_with_its_score_and_nothing_is_left_in_the_folder(documents, tmp_path):
    shown: list[pl.DataFrame] = []
    found = list(
        filter_in_batches([documents[:40], documents[40:]], SETTINGS, MODELS, beside=tmp_path, watch=shown.append)
    )
    assert [frame.height for frame in shown] == [frame.height for frame in found] == [40, documents.height - 40]
    assert all("quality" in frame.columns for frame in shown)
    assert list(tmp_path.iterdir()) == []


def test_a_partition_without_documents_is_one_frame_without_rows():
    assert [frame.height for frame in filter_in_batches([empty_table(SeedDocument)], FilterSettings())] == [0]


def test_a_stop_in_between_leaves_no_files(documents, tmp_path):
    frames = filter_in_batches([documents[:40], documents[40:]], SETTINGS, beside=tmp_path)
    next(frames)
    frames.close()
    assert list(tmp_path.iterdir()) == []
