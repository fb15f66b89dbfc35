"""`xl evaluate --responses … --reference …`: judging two files, as far as no model is asked."""

import json

import pytest

from xl_assets.evaluation.judges.config import shipped_judges

SERVER = ("--model", "served", "--engine", "openai", "--url", "http://127.0.0.1:9/v1")


@pytest.fixture
def files(tmp_path):
    """Options for two files with so many answers; those of the model are equal to the reference's up to `same`."""

    def make(count: int, same: int = 0, have: int | None = None) -> list[str]:
        reference = [{"instruction": f"q{i}", "output": f"answer {i}", "generator": "ref"} for i in range(count)]
        responses = [
            row | {"output": row["output"] if i < same else f"other {i}", "generator": "model"}
            for i, row in enumerate(reference[: have or count])
        ]
        (tmp_path / "model.json").write_text(json.dumps(responses))
        (tmp_path / "ref.json").write_text(json.dumps(reference))
        out = ["--out", str(tmp_path / "out")]
        return ["--responses", str(tmp_path / "model.json"), "--reference", str(tmp_path / "ref.json"), *out]

    return make


def test_a_dry_run_says_calls_tokens_and_cost_and_touches_nothing(xl, files, tmp_path):
    prices = ("--price-in", "2.5", "--price-out", "10")
    done = xl("evaluate", *files(10, same=4), *SERVER, *prices, "--dry-run")
    assert done.code == 0
    told = json.loads(done.out)
    assert (told["judge"], told["pairs"], told["calls"]) == ("pairwise_logprob", 10, 12)
    assert told["tokens_by"] == "estimate: characters / 4"
    assert told["cost"] == pytest.approx((told["prompt_tokens"] * 2.5 + 12 * 10) / 1e6)
    assert not (tmp_path / "out").exists()
    assert json.loads(xl("evaluate", *files(10), *SERVER, "--orders", "model_first", "--dry-run").out)["calls"] == 10


def test_the_demos_judge_counts_its_prompts_with_its_own_tokenizer(xl, files):
    pytest.importorskip("transformers")
    done = xl("evaluate", *files(2), "--profile", "demo", "--judge", "pairwise", "--language", "de", "--dry-run")
    told = json.loads(done.out)
    assert (told["calls"], told["tokens_by"]) == (4, "tokenizer of teacher")


def test_identical_answers_are_judged_without_asking_anybody(xl, files, tmp_path):
    done = xl("evaluate", *files(5, same=5), *SERVER)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["win_rate"], told["n_draws"], told["calls"]["calls_wanted"]) == (50.0, 5, 0)
    assert set(told["files"]) == {"annotations", "judgements", "leaderboard", "summary"}
    assert len(json.loads((tmp_path / "out/annotations.json").read_text())) == 5


def test_half_the_file_missing_has_no_headline_and_says_why(xl, files):
    done = xl("evaluate", *files(6, same=6, have=3), *SERVER)
    told = json.loads(done.out)
    assert (told["win_rate"], told["n_missing"], told["reasons"]) == (None, 3, {"no_response": 3})
    assert "no headline figure: 3 of 6 pairs" in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--model"),
        ((*SERVER, "--judge", "nobody"), "pairwise_choice"),
        ((*SERVER, "--language", "qq"), "qq"),
        ((*SERVER, "--orders", "backwards"), "reference_first, model_first"),
        (("--model", "no-such-folder/model"), "commit"),
        (("--model", "x", "--engine", "steam"), "vllm or openai"),
        (("--profile", "nope"), "demo"),
    ],
)
def test_what_cannot_be_done_is_one_message_that_names_the_remedy(xl, files, options, said):
    done = xl("evaluate", *files(2), *options)
    assert done.code != 0
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert done.out == ""


def test_a_pairwise_judge_asks_for_the_reference_and_a_command_for_no_responses(xl, files):
    responses = files(2)[:2]
    assert "--reference" in xl("evaluate", *responses, *SERVER).err
    assert "does not go with" in xl("evaluate", *responses, "judges").err
    assert "--responses" in xl("evaluate", "--judge", "rubric").err


def test_judges_are_listed_with_what_they_are_asked(xl):
    listed = json.loads(xl("evaluate", "judges").out)
    assert [judge["name"] for judge in listed] == list(shipped_judges())
    assert all("{instruction}" in judge["template"] for judge in listed)


def test_a_judges_quality_is_told_from_what_was_written(xl, files, tmp_path):
    assert xl("evaluate", *files(4, same=4), *SERVER).code == 0
    known = [{"instruction": "q0", "output_1": "answer 0", "output_2": "answer 0", "preference": 1.5}]
    (tmp_path / "known.json").write_text(json.dumps(known))
    options = ("--judgements", tmp_path / "out/judgements.parquet", "--known", tmp_path / "known.json")
    told = json.loads(xl("evaluate", "judge-quality", *options).out)
    figures = {row["metric"]: row for row in told["figures"]}
    assert (told["judge"], told["judge_model"], told["n_known"]) == ("pairwise_logprob", "served", 1)
    assert (figures["accuracy"]["value"], figures["accuracy"]["n"]) == (1.0, 1)
    assert figures["order_consistency"]["reason"] == "no pair was judged in both orders"
    assert figures["calls"]["value"] == 0.0
