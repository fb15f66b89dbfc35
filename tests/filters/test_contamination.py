"""Evaluation prompts inside training text."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real_text import NTREX, needs_ntrex
from xl_assets.filters.contamination import PromptIndex, find_contamination, judge_contamination
from xl_assets.filters.words import terms
from xl_assets.seeds.readers import collect_seeds

PROMPTS = pl.DataFrame(
    {
        "prompt_id": ["owl", "fox", "short", "tiny", "zh"],
        "instruction": [
            "Tell me about the shy owl that lives in the forest, eats nuts and runs at dawn.",
            "Tell me about the brave fox that lives by the lake, eats fish and sings at night.",
            "Who wrote Ulysses, please?",
            "Hi there!",
            "请告诉我住在森林里的害羞的猫头鹰的故事。",
        ],
    }
)


def _found(*texts: str | None, **options) -> list[tuple[str | None, float]]:
    frame = pl.DataFrame({"instruction": list(texts)}, schema={"instruction": pl.String})
    marked = find_contamination(frame, PROMPTS, "instruction", **options)
    assert marked["instruction"].to_list() == list(texts)
    return [(row[0], round(row[1], 2)) for row in marked.select("contaminated_by", "contamination").rows()]


def test_a_prompt_is_found_inside_a_text_whatever_its_case_and_punctuation() -> None:
    inside = f"Please: {PROMPTS['instruction'][0].upper().replace(',', ' -')} Answer in German."
    assert _found(inside) == [("owl", 1.0)]
    assert _found("Ah. Who wrote ULYSSES please") == [("short", 1.0)]
    assert _found("好，请告诉我住在森林里的害羞的猫头鹰的故事吧") == [("zh", 1.0)]


def test_a_common_wording_is_not_contamination() -> None:
    text = "Tell me about the happy bee that lives in the forest, eats nuts and runs at dawn."
    assert _found(text) == [(None, 0.4)]
    assert _found(text, share=0.4) == [("owl", 0.4)]


def test_too_common_prompts_and_empty_texts_match_nothing() -> None:
    assert _found("Hi there! Hi there!", "", None, "a") == [(None, 0.0)] * 4


def test_of_several_the_best_is_named() -> None:
    both = f"{PROMPTS['instruction'][1]} {PROMPTS['instruction'][0][:60]}"
    assert _found(both) == [("fox", 1.0)]


def test_without_prompts_nothing_is_contaminated() -> None:
    frame = pl.DataFrame({"instruction": ["one two three four"]})
    marked = find_contamination(frame, PROMPTS.filter(pl.lit(False)), "instruction")
    assert marked["contaminated_by"].to_list() == [None]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=14).map(" ".join), max_size=5))
def test_a_prompt_of_four_terms_or_more_is_always_found_in_itself(texts: list[str]) -> None:
    prompts = pl.DataFrame(
        {"prompt_id": [str(number) for number in range(len(texts))], "instruction": texts},
        schema={"prompt_id": pl.String, "instruction": pl.String},
    )
    marked = find_contamination(prompts, prompts, "instruction")
    for text, found in zip(texts, marked["contaminated_by"], strict=True):
        assert (found is not None) == (len(text.split()) >= 4)


_WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "É", "中", "\u0e2a", "na\u0301", "."]), max_size=16)
_TEXTS = st.lists(_WORDS.map(" ".join), min_size=1, max_size=6)


def _prompts(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"prompt_id": [f"{number:03}" for number in range(len(texts))], "instruction": texts},
        schema={"prompt_id": pl.String, "instruction": pl.String},
    )


def _terms(text: str) -> list[str]:
    return pl.select(terms(pl.lit(text))).item().to_list()


def _grams(text: str, n: int) -> set[tuple[str, ...]]:
    found = _terms(text)
    return {tuple(found[at : at + n]) for at in range(len(found) - n + 1)}


def _size(prompt: str, n: int) -> int:
    return min(len(_terms(prompt)), n)


def _by_definition(text: str, prompts: list[str], n: int) -> tuple[str | None, float]:
    best: tuple[str | None, float] = (None, 0.0)
    for number, prompt in enumerate(prompts):
        size = _size(prompt, n)
        wanted = _grams(prompt, size) if size >= 4 else set()
        share = len(wanted & _grams(text, size)) / len(wanted) if wanted else 0.0
        if share > best[1]:
            best = (f"{number:03}", share)
    return best


@settings(max_examples=150, deadline=None)
@given(_TEXTS, _TEXTS, st.integers(4, 9))
def test_overlap_and_span_are_what_the_definition_says(texts: list[str], prompts: list[str], n: int) -> None:
    frame = pl.DataFrame({"text": texts})
    found = find_contamination(frame, _prompts(prompts), "text", n=n, share=1e-9, spans=True)
    for text, by, share, start, end in found.rows():
        assert (by, share) == _by_definition(text, prompts, n)
        if by is None:
            assert start is None
            assert end is None
            continue
        size = _size(prompts[int(by)], n)
        common = _grams(prompts[int(by)], size) & _grams(text, size)
        span = text[start:end]
        # The span has every common n-gram, and begins and ends with one.
        assert common <= _grams(span, size)
        assert tuple(_terms(span)[:size]) in common
        assert tuple(_terms(span)[-size:]) in common
        assert span.strip() == span


@settings(max_examples=60, deadline=None)
@given(_TEXTS, _TEXTS, _WORDS.map(" ".join))
def test_one_more_prompt_never_lowers_contamination(texts: list[str], prompts: list[str], more: str) -> None:
    frame = pl.DataFrame({"text": texts})
    before = find_contamination(frame, _prompts(prompts), "text")["contamination"]
    after = find_contamination(frame, _prompts([*prompts, more]), "text")["contamination"]
    assert (after >= before).all()


@settings(max_examples=60, deadline=None)
@given(_TEXTS, st.permutations(range(6)), _TEXTS, st.randoms(use_true_random=False))
def test_order_and_batches_make_no_difference(texts: list[str], order: list[int], prompts: list[str], random) -> None:
    frame = pl.DataFrame({"text": texts})
    wanted = _prompts(prompts)
    whole = find_contamination(frame, wanted, "text", spans=True, share=0.1)
    index = PromptIndex.of(wanted.sample(fraction=1, shuffle=True, seed=random.randint(0, 99)))
    alone = [
        find_contamination(frame[row : row + 1], index, "text", spans=True, share=0.1) for row in range(len(texts))
    ]
    assert pl.concat(alone).equals(whole)
    rows = [row for row in order if row < len(texts)]
    assert find_contamination(frame[rows], index, "text", spans=True, share=0.1).equals(whole[rows])


def test_the_span_is_the_shortest_that_holds_the_prompt() -> None:
    prompt = PROMPTS["instruction"][0]
    text = f"Tell me about the shy owl that is far away. É 中: {prompt} And that lives in the forest, eats nuts."
    found = find_contamination(pl.DataFrame({"text": [text, "none"]}), PROMPTS, "text", spans=True)
    start, end = found.row(0)[3:]
    assert text[start:end] == prompt.rstrip(".")
    assert found.row(1) == ("none", None, 0.0, None, None)


def test_a_greek_or_turkish_prompt_is_found_in_capitals() -> None:
    prompts = _prompts(["ο πρώτος δρόμος της πόλης είναι μεγάλος", "İzmir şehri çok güzel bir yer"])
    frame = pl.DataFrame({"text": ["Ο ΠΡΏΤΟΣ ΔΡΌΜΟΣ ΤΗΣ ΠΌΛΗΣ ΕΊΝΑΙ ΜΕΓΆΛΟΣ", "izmir ŞEHRİ ÇOK GÜZEL BİR YER"]})
    assert find_contamination(frame, prompts, "text")["contaminated_by"].to_list() == ["000", "001"]


def test_seed_documents_that_hold_a_prompt_get_a_reason() -> None:
    index = PromptIndex.of(PROMPTS)
    rows = pl.DataFrame({"text": [PROMPTS["instruction"][1], "Another text.", None], "reasons": [["old"], [], []]})
    judged = judge_contamination(rows.with_columns(pl.col("reasons").cast(pl.List(pl.String))), index)
    assert judged["reasons"].to_list() == [["old", "contaminated"], [], []]
    assert judged["kept"].to_list() == [False, True, True]
    assert judged.columns == ["text", "reasons", "kept"]
    assert judge_contamination(rows.clear(), index).is_empty()


@needs_ntrex
def test_sentences_of_real_documents_are_found_where_they_stand() -> None:
    documents = pl.concat(
        collect_seeds(str(NTREX / f"{code}.jsonl.zst"), code).documents.head(30) for code in ("en", "zh", "hi", "mt")
    ).select("document_id", "text")
    third = documents.select("document_id", pl.col("text").str.split("\n").list.get(2, null_on_oob=True).alias("asked"))
    prompts = third.filter(pl.col("asked").str.len_chars() > 60)
    index = PromptIndex.of(prompts, prompt="asked", prompt_id="document_id")
    found = find_contamination(documents, index, "text", spans=True).join(prompts, on="document_id")
    assert len(found) >= 50
    assert (found["contamination"] == 1.0).all()
    # Another translation of the same article can hold the same line; then the smaller id is named.
    own = found.filter(pl.col("contaminated_by") == pl.col("document_id"))
    assert len(own) >= 0.9 * len(found)
    length = pl.col("contamination_end") - pl.col("contamination_start")
    spans = own.select(pl.col("text").str.slice("contamination_start", length).alias("span"))["span"]
    for span, asked in zip(spans, own["asked"], strict=True):
        assert _grams(asked, 8) <= _grams(span, 8)
        assert len(span) <= len(asked)
