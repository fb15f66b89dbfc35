import json
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generation.answers import Answers, nobody
from xl_assets.generation.calls import Sampling
from xl_assets.generation.criteria import DEFAULT_CRITERIA
from xl_assets.generation.parsing import text_answer
from xl_assets.generation.recipes.recipe import Step, instruction_candidates, kept_rows, run_step
from xl_assets.generation.recipes.xl_instruct import (
    PROMPTS,
    BadSettings,
    XLInstructSettings,
    prompt_hashes,
    refine_responses,
    score_pairs,
    steps,
    to_instruction_candidates,
    translate,
    write_questions,
)
from xl_assets.languages import UnknownLanguage, get_language
from xl_assets.tables import InstructionCandidate, TranslationCandidate, check_table, empty_table

SETTINGS = XLInstructSettings()
MODEL = "model-1"


def passages(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"passage_id": [f"p{n}" for n in range(len(texts))], "text": list(texts)})


def pairs(*responses: str) -> pl.DataFrame:
    ids = [f"pair{n}" for n in range(len(responses))]
    return pl.DataFrame(
        {
            "pair_id": ids,
            "instruction": [f"Question {n}?" for n in range(len(responses))],
            "response": list(responses),
            "kept": [True] * len(responses),
        },
        schema_overrides={"pair_id": pl.String, "instruction": pl.String, "response": pl.String, "kept": pl.Boolean},
    )


def last_line(message: str) -> str:
    return message.rsplit("\n", 1)[-1]


def scores_of(mean: int) -> str:
    return json.dumps(dict.fromkeys(DEFAULT_CRITERIA, mean))


def test_a_passage_becomes_a_scored_pair_that_still_knows_where_it_came_from():
    ask = Answers(lambda message: f"What about {last_line(message)}")
    questions = write_questions(passages("Owls.", "Bees."), MODEL, ask, SETTINGS)
    assert questions["instruction"].to_list() == ["What about Owls.", "What about Bees."]

    refine = Answers(lambda message: f"Well: {last_line(message)}")
    responses = refine_responses(questions, MODEL, refine, SETTINGS)
    assert responses["response"].to_list() == ["Well: Owls.", "Well: Bees."]

    scored = score_pairs(responses, MODEL, Answers(lambda message: scores_of(5)), SETTINGS)
    assert scored["passage_id"].to_list() == ["p0", "p1"]
    assert scored["question_id"].to_list() == questions["question_id"].to_list()
    assert scored["kept"].to_list() == [True, True]
    assert scored["mean_score"].to_list() == [5.0, 5.0]


def test_every_step_sees_the_criteria_that_the_settings_name():
    changed = replace(SETTINGS, criteria={"wit": "it makes one smile"})
    questions = write_questions(passages("Owls."), MODEL, Answers(lambda message: "Who?"), changed)
    refine, score = Answers(lambda message: "Owls."), Answers(lambda message: '{"wit": 4}')
    responses = refine_responses(questions, MODEL, refine, changed)
    scored = score_pairs(responses, MODEL, score, changed)
    for asked in (refine, score):
        assert "- wit: it makes one smile" in asked.calls["messages"][0][0]["content"]
    schema = json.loads(json.loads(score.calls["parameters"][0])["json_schema"])
    assert schema["required"] == ["wit"]
    assert scored["scores"].to_list() == [[{"criterion": "wit", "score": 4}]]


def test_a_question_without_a_usable_answer_is_kept_as_a_rejected_row_and_goes_no_further():
    questions = write_questions(
        passages("Owls.", "Bees."), MODEL, Answers(lambda m: "?" if "Owls" in m else " "), SETTINGS
    )
    assert questions["kept"].to_list() == [True, False]
    assert questions["reasons"].to_list() == [[], ["empty_answer"]]
    assert refine_responses(questions, MODEL, Answers(lambda m: "Owls."), SETTINGS).height == 1


def test_a_pair_below_the_least_mean_score_is_rejected_and_its_scores_stay():
    responses = refine_responses(
        write_questions(passages("Owls.", "Bees."), MODEL, Answers(last_line), SETTINGS),
        MODEL,
        Answers(last_line),
        SETTINGS,
    )
    scored = score_pairs(responses, MODEL, Answers(lambda m: scores_of(3 if "Bees" in m else 4)), SETTINGS)
    assert scored["reasons"].to_list() == [[], ["low_score"]]
    assert scored["mean_score"].to_list() == [4.0, 3.0]
    assert len(scored["scores"][1]) == len(DEFAULT_CRITERIA)


def test_scores_that_cannot_be_read_are_a_reason_of_their_own():
    responses = refine_responses(
        write_questions(passages("Owls."), MODEL, Answers(last_line), SETTINGS), MODEL, Answers(last_line), SETTINGS
    )
    scored = score_pairs(responses, MODEL, Answers(lambda m: "5/5"), SETTINGS)
    assert scored["reasons"].to_list() == [["bad_scores"]]
    assert scored["mean_score"].to_list() == [None]


def test_braces_in_a_passage_stay_what_they_are():
    asked = Answers(lambda message: "What?")
    write_questions(passages("{instruction} {{0}} {% raw %}"), MODEL, asked, SETTINGS)
    assert asked.calls["messages"][0][0]["content"].endswith("Passage:\n{instruction} {{0}} {% raw %}")


def test_all_languages_are_translated_in_one_call_with_a_seed_for_every_sample():
    asked = Answers(lambda message: f"<{message.splitlines()[0]}> {last_line(message)}")
    candidates = translate(pairs("Owls."), ["de", "en", "mt"], MODEL, asked, SETTINGS)
    assert len(asked.asked) == 1
    assert candidates.group_by("language").len().sort("language").rows() == [("de", 3), ("en", 1), ("mt", 3)]
    assert asked.calls["seed"].n_unique() == asked.calls["call_id"].n_unique() == 6
    german = candidates.filter(pl.col("language") == "de")
    assert german["sample"].to_list() == [0, 1, 2]
    assert "from English into German" in german["response"][0]
    assert candidates["candidate_id"].is_unique().all()


def test_english_is_the_response_itself_and_needs_no_call():
    candidates = translate(pairs("Owls.", "Bees."), ["en"], MODEL, nobody, SETTINGS)
    assert candidates["response"].to_list() == ["Owls.", "Bees."]
    assert candidates.select("sample", "call_id", "kept").unique().rows() == [(0, None, True)]


def test_another_language_does_not_change_the_calls_of_the_first():
    alone, together = Answers(last_line), Answers(last_line)
    translate(pairs("Owls."), ["de"], MODEL, alone, SETTINGS)
    translate(pairs("Owls.", "Bees."), ["hi", "de"], MODEL, together, SETTINGS)
    assert set(alone.calls["call_id"]) < set(together.calls["call_id"])


def test_without_pairs_nobody_is_asked():
    assert translate(pairs(), ["de"], MODEL, nobody, SETTINGS).equals(empty_table(TranslationCandidate))


def test_an_unknown_language_is_named():
    with pytest.raises(UnknownLanguage, match="'xx'"):
        translate(pairs("Owls."), ["xx"], MODEL, nobody, SETTINGS)


@given(st.permutations(["Owls.", "Bees.", "Cats.", "Dogs."]))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_passages_changes_no_id(texts):
    def ids(order: list[str]) -> set:
        rows = pl.DataFrame({"passage_id": [f"id of {text}" for text in order], "text": order})
        questions = write_questions(rows, MODEL, Answers(last_line), SETTINGS)
        responses = refine_responses(questions, MODEL, Answers(last_line), SETTINGS)
        return set(questions["question_id"]) | set(responses["pair_id"]) | set(responses["call_id"])

    assert ids(texts) == ids(sorted(texts))


def selected(languages: list[str], pair_count: int = 20) -> pl.DataFrame:
    wanted = translate(
        pairs(*(f"Text {n}." for n in range(pair_count))), languages, MODEL, Answers(last_line), SETTINGS
    )
    return wanted.filter(pl.col("sample") == 0)


def test_an_instruction_ends_with_a_directive_from_the_pool_of_its_language():
    candidates = to_instruction_candidates(selected(["de", "hi"]))
    for row in candidates.to_dicts():
        assert row["directive"] in get_language(row["language"]).directives
        assert row["instruction"].endswith(f"? {row['directive']}")
    assert candidates["row_id"].is_unique().all()


def test_an_english_answer_is_asked_for_without_a_directive():
    candidates = to_instruction_candidates(selected(["en", "de"]))
    english = candidates.filter(pl.col("language") == "en")
    assert set(english["directive"]) == {""}
    assert english["instruction"].str.ends_with("?").all()


def test_directives_vary_over_pairs_and_not_with_their_order():
    rows = selected(["de"])
    first = to_instruction_candidates(rows)
    again = to_instruction_candidates(rows.sample(fraction=1, shuffle=True, seed=3))
    assert first["directive"].n_unique() > 1
    assert first.sort("row_id").equals(again.sort("row_id"))


def test_settings_round_trip_through_json():
    changed = XLInstructSettings.from_dict(
        {"samples": 5, "criteria": {"wit": "funny"}, "selection": {"estimator": "round_trip"}, "finishing": {"cap": 10}}
    )
    written = json.loads(json.dumps(changed.as_dict()))
    prompts = written.pop("prompts")
    assert XLInstructSettings.from_dict(written) == changed
    assert set(prompts) == set(PROMPTS)


@pytest.mark.parametrize(
    "values", [{"sample": 3}, {"selection": {"estimate": "judge"}}, {"samples": 0}, {"translation_temperature": 0.0}]
)
def test_settings_that_make_no_sense_are_refused(values):
    with pytest.raises(BadSettings):
        XLInstructSettings.from_dict(values)


def test_a_users_own_template_is_asked_and_changes_the_hash(tmp_path):
    (tmp_path / "xl_instruct").mkdir()
    (tmp_path / "xl_instruct" / "question.txt").write_text("Ask about: {passage}")
    own, asked = replace(SETTINGS, prompt_folder=tmp_path), Answers(lambda message: "What?")
    write_questions(passages("Owls."), MODEL, asked, own)
    assert asked.calls["messages"][0][0]["content"] == "Ask about: Owls."
    assert prompt_hashes("questions", tmp_path) != prompt_hashes("questions")
    assert prompt_hashes("scored_pairs", tmp_path) == prompt_hashes("scored_pairs")
    assert str(tmp_path) not in json.dumps(own.as_dict())


def test_every_step_renders_a_template_that_its_asset_declares():
    declared = {name for names in PROMPTS.values() for name in names}
    assert {step.prompt for step in steps(SETTINGS).values()} <= declared


def test_a_summarise_then_ask_recipe_with_native_answers_is_a_few_lines(tmp_path):
    """The reverse direction: native text is the answer, an English instruction is written for it in two steps."""
    (tmp_path / "summary.txt").write_text("Summarise in English: {passage}")
    (tmp_path / "ask.txt").write_text("Ask for: {summary}")
    summarise, ask = (
        Step(name, name, "teacher", Sampling(), ("passage_id",), text_answer(column), prompt_folder=tmp_path)
        for name, column in (("summary", "summary"), ("ask", "instruction"))
    )
    native = pl.DataFrame({"passage_id": ["p0", "p1"], "language": ["ga", "ga"], "passage": ["Ulchabháin.", "Beacha."]})
    echo = Answers(lambda message: message.split(": ", 1)[1])
    summed = run_step(native, summarise, {"passage": pl.col("passage")}, MODEL, echo)
    kept = kept_rows(summed, "passage_id", "language", "passage", "summary")
    system = [("system", pl.lit("You write instructions."))]
    asked = run_step(kept, ask, {"summary": pl.col("summary")}, MODEL, echo, before=system)
    rows = kept_rows(asked, "language", "instruction", "passage", "passage_id").with_columns(
        response="passage", pair_id="passage_id", candidate_id="passage_id"
    )
    candidates = instruction_candidates(rows, "native_answers")
    assert check_table(candidates, InstructionCandidate)["response"].to_list() == ["Ulchabháin.", "Beacha."]
    assert echo.calls["messages"][-1][0]["role"] == "system"


def test_a_recipe_whose_instructions_are_in_their_language_has_no_directive():
    rows = pl.DataFrame(
        {
            "language": ["de"],
            "instruction": ["Was ist das?"],
            "response": ["Ein Haus."],
            "pair_id": ["a"],
            "candidate_id": ["b"],
        }
    )
    candidates = instruction_candidates(rows, "same_language", directives=False)
    assert candidates.select("instruction", "directive").rows() == [("Was ist das?", "")]
