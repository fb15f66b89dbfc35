"""Licences, opt-outs, block lists and word lists."""

import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, NTREX_LANGUAGES, needs_ntrex
from xl_assets.filters.addresses import address_keys
from xl_assets.filters.block_lists import BlockListError, listed, load_addresses, load_words
from xl_assets.filters.compliance import (
    ComplianceError,
    ComplianceSettings,
    judge_compliance,
    sources,
    toxic_shares,
)
from xl_assets.filters.licences import allowed_licences, normalise_licence
from xl_assets.seeds.readers import collect_seeds


@pytest.fixture
def write(tmp_path: Path):
    def written(name: str, *lines: str) -> str:
        path = tmp_path / name
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return written


def _frame(**columns: list) -> pl.DataFrame:
    rows = len(next(iter(columns.values())))
    empty = {name: [None] * rows for name in ("text", "language", "url", "license")}
    return pl.DataFrame({**empty, **columns}, schema=dict.fromkeys(empty, pl.String))


def _in_list(path: str, *urls: str | None) -> list[bool]:
    keys = address_keys(pl.Series(urls, dtype=pl.String))
    return listed(keys, load_addresses(path)).tolist()


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("CC BY-SA 4.0", "cc-by-sa-4"),
        ("cc_by_sa_4.0", "cc-by-sa-4"),
        ("CC-BY-SA-4.0", "cc-by-sa-4"),
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.de", "cc-by-sa-4"),
        ("Creative Commons Attribution-ShareAlike 4.0 International (CC BY-SA 4.0)", "cc-by-sa-4"),
        ("Creative Commons Attribution-NonCommercial-NoDerivs 3.0 Unported License", "cc-by-nc-nd-3"),
        ("CC BY-NC 2.5", "cc-by-nc-2.5"),
        ("CC0", "cc0-1"),
        ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "cc0-1"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "public-domain-mark-1"),
        ("Public Domain Mark 1.0", "public-domain-mark-1"),
        ("The MIT License (MIT)", "mit"),
        ("Apache License, Version 2.0", "apache-2"),
        ("apache-2.0", "apache-2"),
        ("ODC-By v1.0", "odc-by-1"),
        ("GPL-3.0-or-later", "gpl-3-or-later"),
    ],
)
def test_a_licence_has_one_name_in_every_spelling(spelling: str, name: str) -> None:
    assert normalise_licence(spelling) == name
    assert normalise_licence(name) == name


def test_only_allowed_licences_pass_and_alternatives_need_one_of_them() -> None:
    licences = pl.Series(
        ["cc by 4.0", "CC-BY-3.0", "CC-BY-NC-4.0", "MIT OR CC-BY-NC-4.0", "(MIT AND CC-BY-4.0)", "MIT AND X", None, " "]
    )
    allowed = ("CC-BY-4.0", "MIT")
    known = [True, False, False, True, True, False]
    assert allowed_licences(licences, allowed, unknown=False).to_list() == [*known, False, False]
    assert allowed_licences(licences, allowed, unknown=True).to_list() == [*known, True, True]


def test_the_policy_for_unknown_licences_is_a_setting() -> None:
    frame = _frame(license=["CC0", None, "all rights reserved"])
    strict = judge_compliance(frame, ComplianceSettings(licences=("CC0-1.0",), allow_unknown_licence=False))
    assert strict["reasons"].to_list() == [[], ["licence_not_allowed"], ["licence_not_allowed"]]
    lenient = judge_compliance(frame, ComplianceSettings(licences=("CC0-1.0",)))
    assert lenient["kept"].to_list() == [True, True, False]


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        (
            "example.com",
            [
                "https://example.com/a",
                "http://a.b.example.com",
                "EXAMPLE.COM",
                "//user:secret@Example.com.:8080/x?y#z",
                "example.com/page",
                "www.example.com",
                " https:\\\\example.com\\x ",
                "ftp://example.com",
            ],
            ["https://notexample.com", "https://example.com.evil.net", "https://x.org/example.com", None, "", "a b"],
        ),
        ("http://www.Example.co.uk/", ["news.example.co.uk/1"], ["other.co.uk", "co.uk"]),
        ("co.uk", ["http://co.uk/"], ["example.co.uk"]),
        ("com", [], ["example.com"]),
        ("blogspot.com", ["a.blogspot.com"], ["blogspot.de"]),
        ("bücher.example", ["https://www.xn--bcher-kva.example/1", "BÜCHER.example"], ["bucher.example"]),
        ("xn--fsqu00a.xn--55qx5d", ["http://例子.公司/页"], ["http://公司/"]),
        ("192.0.2.7", ["http://192.0.2.7:81/a"], ["http://1.192.0.2.7", "http://0.2.7"]),
        ("[2001:db8::1]", ["http://[2001:db8::1]:80/"], ["http://[2001:db8::2]/"]),
        ("127.0.0.1\texample.com # URLhaus", ["https://a.example.com"], ["http://127.0.0.1/"]),
        ("0.0.0.0 example.com", ["https://example.com"], []),
        ('"12","2026-01-01 00:00:00","http://example.com/x.exe","online"', ["example.com/x.exe"], ["example.com/"]),
        ("*.example.com", ["https://a.example.com"], []),
        ("example.com/private", ["http://example.com/private/", "example.com/private/a?b", "www.example.com/private#x"],
         ["example.com/privateer", "example.com", "a.example.com/private", "example.com/Private"]),
        ("https://example.com/a?id=1", ["http://example.com/a?id=1#top"], ["example.com/a", "example.com/a?id=12"]),
        ("intranet.corpus", ["http://a.intranet.corpus"], ["http://b.corpus"]),
    ],
)  # fmt: skip
def test_an_entry_stands_for_a_site_and_its_subdomains_or_a_page_and_those_below(
    write, entry: str, inside: list[str], outside: list[str | None]
) -> None:
    path = write("list.txt", "# a comment", "", entry, "unrelated.test")
    assert _in_list(path, *inside, *outside) == [True] * len(inside) + [False] * len(outside)


def test_opt_outs_and_block_lists_have_reasons_of_their_own(write) -> None:
    chosen = ComplianceSettings(
        opt_out=write("optout.txt", "owner.example/texts"),
        blocked=(write("domains", "bad.example"), write("urls", "good.example/malware")),
        blocked_words=write("words", "CASINO", "(+", "# nothing"),
    )
    urls = ["owner.example/texts/1", "owner.example/", "http://a.bad.example", "good.example/malware/x",
            "good.example/best-Casino-ever", "good.example/?q=(+", "good.example/fine", None]  # fmt: skip
    judged = judge_compliance(_frame(url=urls), chosen)
    assert judged["reasons"].to_list() == [["opted_out"], [], *[["blocked_url"]] * 4, [], []]
    assert judged["kept"].to_list() == [False, True, False, False, False, False, True, True]


def test_a_changed_list_is_read_again_and_is_another_setting(write) -> None:
    chosen = ComplianceSettings(opt_out=write("optout.txt", "one.example"), toxic_words={"en": write("en.txt", "x")})
    frame = _frame(url=["one.example", "two.example"])
    assert judge_compliance(frame, chosen)["kept"].to_list() == [False, True]
    before = chosen.as_dict()
    assert [path.name for path in sources(chosen)] == ["en.txt", "optout.txt"]
    write("optout.txt", "one.example", "two.example")
    assert judge_compliance(frame, chosen)["kept"].to_list() == [False, False]
    assert chosen.as_dict() != before


def test_settings_say_no_path_and_a_moved_list_is_the_same(write) -> None:
    first, second = write("a.txt", "one.example"), write("b.txt", "one.example")
    assert ComplianceSettings(blocked=(first,)).as_dict() == ComplianceSettings(blocked=(second,)).as_dict()
    assert str(Path(first).parent) not in str(ComplianceSettings(blocked=(first,)).as_dict())


def test_a_missing_list_names_the_remedy() -> None:
    chosen = ComplianceSettings(blocked=("nowhere/list.txt",))
    with pytest.raises(BlockListError, match="put the file there, or take it out of the settings"):
        judge_compliance(_frame(url=["x"]), chosen)
    with pytest.raises(BlockListError, match="nowhere/list"):
        chosen.as_dict()


def test_a_list_in_any_encoding_or_gzip_is_read(tmp_path: Path) -> None:
    packed = tmp_path / "list.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf# comment\r\none.example\r\n\xff\xfe broken\r\ntwo.example"))
    assert _in_list(str(packed), "one.example", "two.example", "broken") == [True, True, False]
    torn = tmp_path / "torn.gz"
    torn.write_bytes(packed.read_bytes()[:20])
    with pytest.raises(BlockListError, match="can't be read"):
        load_words(torn)


def test_lines_that_span_blocks_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xl_assets.filters.block_lists._BLOCK", 7)
    path = tmp_path / "list.txt"
    path.write_text("".join(f"site{number}.example\n" for number in range(50)))
    assert _in_list(str(path), *(f"a.site{number}.example" for number in range(50))) == [True] * 50


def test_texts_full_of_listed_words_are_rejected(write) -> None:
    lists = {"en": write("en.txt", "Darn", "what the heck", "(z+)+$"), "zh": write("zh.txt", "坏话")}
    chosen = ComplianceSettings(toxic_words=lists, toxic_least=2, toxic_share=0.3)
    long = "A darn long text in which not much is bad; what the heck, it goes on and on for ever."
    mixed = ["What the heck! WHAT the... heck?", "darning a darnel", "Darn it.", "这是坏话坏话", "坏 话 很 多 坏 话"]
    texts = ["Darn, darn it!", long, *mixed]
    languages = ["en", "en", "en", "en", "en", "zh", "de"]
    judged = judge_compliance(_frame(text=texts, language=languages), chosen)
    assert judged["kept"].to_list() == [False, True, False, True, True, False, True]
    shares = toxic_shares(pl.Series(texts[:3]), lists["en"])
    assert shares.rows() == [(2, 2 / 3), (2, 4 / 20), (2, 1.0)]


def test_nothing_is_judged_that_is_not_asked_for(write) -> None:
    frame = pl.DataFrame({"text": ["a"]})
    assert judge_compliance(frame)["reasons"].to_list() == [[]]
    with pytest.raises(ComplianceError, match="no column 'url'"):
        judge_compliance(frame, ComplianceSettings(blocked=write("x", "y")))
    with pytest.raises(ComplianceError, match="toxic_share"):
        ComplianceSettings(toxic_share=2)
    everything = ComplianceSettings(
        licences=("MIT",),
        blocked=write("x", "y.z"),
        blocked_words=write("e", ""),
        toxic_words={"en": write("w", "...")},
    )
    assert judge_compliance(_frame(text=[]), everything).is_empty()
    assert judge_compliance(_frame(text=["y", None], language=["en", "en"]), everything)["kept"].all()


_HOST = st.lists(st.sampled_from(["a", "b", "com", "co", "uk", "example", "ü", "x_y", ""]), max_size=5).map(".".join)
_URL = st.builds(
    "".join,
    st.tuples(st.sampled_from(["", "http://", "//", "u@"]), _HOST, st.sampled_from(["", "/a/b", "/a?b", ":8/"])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(_URL, st.text(max_size=20)), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_an_address_has_the_same_keys_in_any_batch(urls: list[str], random) -> None:
    whole = address_keys(pl.Series(urls))
    order = random.sample(range(len(urls)), len(urls))
    again = address_keys(pl.Series([urls[row] for row in order]))
    for mine, theirs in zip(whole, again, strict=True):
        assert (mine[order] == theirs).all()


@needs_ntrex
def test_clean_documents_pass_with_their_own_licence(write) -> None:
    chosen = ComplianceSettings(
        licences=("CC BY-SA 4.0",), blocked=write("d", "example.net"), blocked_words=write("w", "casino")
    )
    for code in NTREX_LANGUAGES:
        documents = collect_seeds(str(NTREX / f"{code}.jsonl.zst"), code).documents
        assert judge_compliance(documents, chosen)["kept"].all(), code
