"""Registered domains of URLs."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xl_assets.seeds.domains import domains


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://News.BBC.co.uk/sport?x=1#y", "bbc.co.uk"),
        ("http://user:word@www.example.org:8080", "example.org"),
        ("https://example.org\\@evil.net/", "example.org"),
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://[::1]:80/", "[::1]"),
        ("https://co.uk/", "co.uk"),
        ("https://www.straße.de/", "straße.de"),
        ("mailto:a@b.de", None),
        ("https://", None),
        ("https://.../", None),
        ("", None),
        (None, None),
    ],
)
def test_the_domain_is_what_was_registered(url: str | None, domain: str | None) -> None:
    assert domains(pl.Series([url], dtype=pl.String)).to_list() == [domain]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20).map("https://{}".format)))
def test_any_text_has_a_domain_or_none_and_rows_keep_their_place(urls: list[str]) -> None:
    found = domains(pl.Series("url", urls, dtype=pl.String))
    assert len(found) == len(urls)
    assert found.to_list() == [domains(pl.Series([url]))[0] for url in urls]
