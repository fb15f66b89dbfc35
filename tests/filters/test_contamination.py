"""Evaluation prompts inside training text."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from xl_assets.filters.contamination import find_contamination

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
