"""The columns of published corpora."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from xl_assets.seeds.layouts import FIELDS, LAYOUTS
from xl_assets.seeds.readers import collect_seeds

_WARC = {"warc-record-id": "<urn:uuid:1>", "warc-target-uri": "https://example.org/a", "warc-type": "conversion"}
_SAID = {"identification": {"label": "de", "prob": 0.9}, "sentence_identifications": [None, {"label": "de"}]}

#: A row as published -> its source id, URL, source and language.
ROWS: dict[str, tuple[dict[str, Any], tuple[str | None, ...]]] = {
    "hplt1": (
        {
            "id": 7,
            "document_lang": "de",
            "scores": [0.5],
            "langs": ["de"],
            "text": "T",
            "url": "U",
            "collection": "wide6",
        },
        ("7", "U", "wide6", "de"),
    ),
    "hplt2": (
        {"f": "w.gz", "u": "U", "collection": "cc13", "lang": ["deu_Latn", "nld_Latn"], "text": "T", "id": "b8"},
        ("b8", "U", "cc13", "de"),
    ),
    "hplt3": (
        {"u": "U", "crawl_id": "CC-MAIN-2020", "lang": ["deu_Latn"], "prob": [1.0], "text": "T", "id": "b8"},
        ("b8", "U", "CC-MAIN-2020", "de"),
    ),
    "oscar": (
        {"content": "T", "warc_headers": _WARC, "metadata": _SAID},
        ("<urn:uuid:1>", "https://example.org/a", None, "de"),
    ),
    "oscar_hub": (
        {"id": 3, "text": "T", "meta": {"warc_headers": _WARC, **_SAID}},
        ("<urn:uuid:1>", "https://example.org/a", None, "de"),
    ),
    "culturax": ({"text": "T", "timestamp": "2020", "url": "U", "source": "mC4"}, (None, "U", "mC4", "und")),
    "fineweb": (
        {"text": "T", "id": "I", "dump": "CC-MAIN-2013-20", "url": "U", "language": "en", "token_count": 3},
        ("I", "U", "CC-MAIN-2013-20", "en"),
    ),
    "fineweb2": (
        {
            "text": "T",
            "id": "I",
            "dump": "D",
            "url": "U",
            "language": "deu",
            "language_script": "Latn",
            "top_langs": "{}",
        },
        ("I", "U", "D", "de"),
    ),
    "c4": ({"text": "T", "timestamp": "2019", "url": "U"}, (None, "U", None, "und")),
    "wikipedia": ({"id": "1", "url": "U", "title": "A", "text": "T"}, ("1", "U", "A", "und")),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_row_as_published_is_read_in_json_and_in_parquet(tmp_path: Path, name: str, ending: str) -> None:
    row, expected = ROWS[name]
    path = tmp_path / f"x.{ending}"
    if ending == "jsonl":
        path.write_text(json.dumps(row))
    else:
        pl.DataFrame([row]).write_parquet(path)
    # Without a language column the caller says the language; None asks for one.
    language = None if expected[3] != "und" else "de"
    document = collect_seeds(str(path), language, layout=name).documents.row(0, named=True)
    found = tuple(document[ours] for ours in ("source_id", "url", "source"))
    assert (document["text"], *found) == ("T", *expected[:3])
    assert document["language"] == (expected[3] if language is None else "de")


def test_every_layout_says_where_it_is_published_and_maps_our_columns_only() -> None:
    for layout in LAYOUTS.values():
        assert layout.described
        assert set(layout.columns) <= set(FIELDS)


def test_the_callers_columns_are_stronger_than_the_layouts(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"text": "T", "a": {"b": [{"c.d": "deep"}, 2]}, "url.x": "whole"}')
    columns = {"source_id": "a.b.1", "url": "url.x", "license": "a.b.0"}
    read = collect_seeds(str(tmp_path), "en", layout="c4", columns=columns).documents.row(0, named=True)
    assert (read["source_id"], read["url"], read["license"]) == ("2", "whole", '{"c.d":"deep"}')
