import polars as pl
import pytest

from tests.real_text import NTREX
from xl_assets.evaluation.prompts.exclusions import PromptFileError, mark_excluded, shipped_sets
from xl_assets.evaluation.prompts.reading import read_prompt_file

ALPACA_EVAL = NTREX.parent / "alpaca_eval_805.jsonl"


def marked(instruction, exclude, identity="1"):
    frame = pl.DataFrame({"id": [identity], "instruction": [instruction]})
    return mark_excluded(frame, exclude, "p.jsonl")["excluded"].item()


@pytest.mark.parametrize(
    ("instruction", "rule"),
    [
        ("Please correct grammar and spelling:\n\nI has a dog", "corrects_english"),
        ("Retell this in old English.", "kind_of_english"),
        ("Find synonyms for the given word.\n\nhappy", "related_english_words"),
        ("Give me words that rhyme with the given word: cat", "rhymes"),
        ("What is the capital of France?", None),
        ("How do you say good evening in French?", None),
        ("Explain grammar to a child.", None),
    ],
)
def test_the_shipped_rules_leave_out_what_only_english_can_answer(instruction, rule):
    assert marked(instruction, ["@alpaca_eval"]) == (rule and f"alpaca_eval/{rule}")


def test_an_id_comes_before_the_rule_that_also_fits_only_if_it_is_named_first():
    assert marked("Retell this in old English.", ["1", "@alpaca_eval"]) == "1"
    assert marked("Retell this in old English.", ["@alpaca_eval", "1"]) == "alpaca_eval/kind_of_english"


def test_an_unknown_set_names_those_there_are():
    with pytest.raises(PromptFileError, match="'alpaca'; there are alpaca_eval"):
        marked("a", ["@alpaca"])


def test_all_shipped_rules_are_regular_expressions():
    for name in shipped_sets():
        assert marked("a", [f"@{name}"]) is None


def test_of_the_805_alpaca_eval_prompts_17_are_left_out_by_default():
    if not ALPACA_EVAL.is_file():
        pytest.skip(f"no {ALPACA_EVAL.name} in the shared data: set XL_SHARED_DATA")
    base = read_prompt_file(ALPACA_EVAL, exclude=["@alpaca_eval"])
    assert (base.height, base["excluded"].count()) == (805, 17)
    assert set(base["excluded"].drop_nulls().str.strip_prefix("alpaca_eval/")) == set(shipped_sets()["alpaca_eval"])
