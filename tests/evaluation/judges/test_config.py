from dataclasses import replace

import pytest

from xl_assets.evaluation.judges.config import JudgeError, load_judge, shipped_judges

OWN = """
kind = "pairwise"
verdict = "choice"
labels = ["1", "2"]
tie = "0"
orders = ["model_first"]

[sampling]
structured = true
max_tokens = 4
"""
TEMPLATE = "{instruction}|{response_a}|{response_b}"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    (place / "judge.toml").write_text(OWN)
    (place / "template.txt").write_text(TEMPLATE)
    return place


def test_the_three_judges_of_the_package_and_the_pipelines_own_can_be_loaded():
    judges = {name: load_judge(name) for name in shipped_judges()}
    assert set(judges) == {"pairwise", "pairwise_choice", "pairwise_logprob", "rubric"}
    assert {name: judge.kind for name, judge in judges.items()}["rubric"] == "rubric"
    assert all(judge.orders == ("reference_first", "model_first") for judge in judges.values())


def test_the_shipped_logprob_judge_is_asked_as_alpaca_eval_asks():
    judge = load_judge("pairwise_logprob")
    assert (judge.labels, judge.sampling.max_tokens, judge.sampling.logprobs) == (("m", "M"), 1, 5)
    assert judge.exact_tokens
    assert judge.one_token


def test_a_users_own_judge_is_a_folder(folder):
    judge = load_judge(folder)
    assert (judge.name, judge.tie, judge.orders) == ("mine", "0", ("model_first",))
    assert judge.sampling.choice == ("1", "2", "0")
    assert judge.prompt.template == TEMPLATE
    assert judge.system is None


def test_a_system_message_and_a_shipped_template_can_be_used_in_a_folder(folder):
    (folder / "system.txt").write_text("You judge.")
    (folder / "judge.toml").write_text('template = "evaluation/pairwise"\n' + OWN)
    judge = load_judge(folder)
    assert judge.system is not None
    assert judge.system.template == "You judge."
    assert judge.prompt.name == "evaluation/pairwise"


def test_a_users_prompt_folder_changes_the_template_of_a_shipped_judge(tmp_path):
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "pairwise.txt").write_text(TEMPLATE)
    assert load_judge("pairwise", tmp_path).prompt.template == TEMPLATE
    assert load_judge("pairwise", tmp_path).hash != load_judge("pairwise").hash


def test_an_unknown_judge_names_the_known_ones():
    with pytest.raises(JudgeError, match=r"no judge 'nobody'.*pairwise_choice, pairwise_logprob, rubric.*judge\.toml"):
        load_judge("nobody")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('kind = "pairwise"\nverdict = "logprob"', "top_logprobs"),
        ('kind = "pairwise"\nverdict = "choice"\nlabels = ["A", "A"]', "must differ"),
        ('kind = "pairwise"\nverdict = "choice"\nlabels = ["A", " B"]', "blanks"),
        ('kind = "pairwise"\nverdict = "logprob"\ntie = "C"\n[sampling]\ntop_logprobs = 5', "tie label needs"),
        ('kind = "rubric"', "criteria"),
        ('kind = "rubric"\nscale = [5, 1]\n[criteria]\na = "b"', "lower one first"),
        ('kind = "rubric"\nanswer = "result"\n[criteria]\na = "b"\nc = "d"', "one criterion"),
        ('kind = "duel"', "kind"),
        ('kind = "pairwise"\nverdict = "choice"\ncolour = "red"', "colour"),
        ('kind = "pairwise"\nverdict = "choice"\norders = ["backwards"]', "reference_first, model_first"),
        ("kind = ", "judge mine"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused_with_what_is_wrong(folder, change, said):
    (folder / "judge.toml").write_text(change)
    with pytest.raises(JudgeError, match=said):
        load_judge(folder)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{instruction}|{response_a}", "response_b"),
        (TEMPLATE + "{secret}", "secret"),
        (TEMPLATE + "{", "judge mine"),
    ],
)
def test_a_template_must_show_both_answers_and_nothing_unknown(folder, template, said):
    (folder / "template.txt").write_text(template)
    with pytest.raises(JudgeError, match=said):
        load_judge(folder)


def test_a_rubric_that_shows_a_reference_says_what_it_shows_without_one(folder):
    (folder / "judge.toml").write_text('kind = "rubric"\n[criteria]\na = "b"')
    (folder / "template.txt").write_text("{instruction}{response}{reference}")
    with pytest.raises(JudgeError, match="without_reference"):
        load_judge(folder)
    (folder / "without_reference.txt").write_text("{instruction}{response}{reference}")
    with pytest.raises(JudgeError, match="must not"):
        load_judge(folder)
    (folder / "without_reference.txt").write_text("{instruction}{response}")
    assert load_judge(folder).without_reference is not None


def test_whatever_changes_a_verdict_changes_the_hash_and_name_and_orders_do_not(folder):
    judge = load_judge(folder)
    assert replace(judge, name="other").with_orders(["reference_first"]).hash == judge.hash
    changed = [
        replace(judge, labels=("2", "1")),
        replace(judge, tie=None),
        replace(judge, strict=False),
        replace(judge, attempts=2),
        replace(judge, sampling=replace(judge.sampling, temperature=0.5)),
        replace(judge, prompt=load_judge("pairwise").prompt),
        replace(judge, system=load_judge("pairwise").prompt),
    ]
    assert len({judge.hash, *(each.hash for each in changed)}) == len(changed) + 1
