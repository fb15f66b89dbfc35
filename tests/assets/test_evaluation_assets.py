"""The evaluation's assets as Dagster runs them: judged by functions, scored without asking anybody."""

import math

import polars as pl
import pytest

from resources.lake import LANGUAGE, RELEASE, Lake, Partition
from tests.assets.evaluation_world import (
    GERMAN,
    RELEASE_NAME,
    error_of,
    likes,
    metadata_of,
    put,
    run,
    stored,
    world,
    write_json,
)
from xl_assets import outcome
from xl_assets.evaluation import assets
from xl_assets.evaluation.scores import assets as scores
from xl_assets.identity import content_address

SCORES = [
    assets.known_judgements,
    scores.language_fidelity,
    scores.language_confusion,
    scores.win_rates,
    scores.model_scores,
    scores.reference_metrics,
    scores.judge_quality,
    scores.surrogate_scores,
]


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Drawing what the UI shows would take most of the time."""
    for module in (scores, outcome):
        monkeypatch.setattr(module, "to_png", lambda chart, scale=1.0: b"")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A release judged once and scored."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (scores, outcome):
            patch.setattr(module, "to_png", lambda chart, scale=1.0: b"")
        made = world(tmp_path_factory.mktemp("scored"))
        assert run(made, [assets.judgements], likes("good")).success
        made.result = run(made, SCORES)
        assert made.result.success
    return made


def one(frame: pl.DataFrame, **where) -> dict:
    """The only row with these values."""
    return frame.row(by_predicate=pl.all_horizontal(pl.col(k) == v for k, v in where.items()), named=True)


def score(made, name: str, model: str = "fine_tuned", language: str = "de") -> dict:
    return one(stored(made.lake, "model_scores"), score=name, model=model, language=language)


def test_every_judgement_keeps_the_judges_own_words_and_what_it_read(scored):
    rows = stored(scored.lake, "judgements")
    judged = rows.filter(outcome="judged")
    assert judged.height == rows.filter(pl.col("outcome") != "identical").height > 0
    assert set(judged["raw_completion"]) == {"A", "B"}
    assert judged["prompt_tokens"].null_count() == 0
    assert judged["reason"].null_count() == judged.height


def test_scores_are_made_without_asking_a_model_and_a_second_time_change_nothing(scored):
    names = [asset.key.to_user_string() for asset in SCORES]
    lake = Lake(scored.lake)
    before = {name: lake.record(name, Partition(RELEASE, RELEASE_NAME)) for name in names}
    assert run(scored, SCORES).success
    assert {name: lake.record(name, Partition(RELEASE, RELEASE_NAME)) for name in names} == before


def test_the_difference_that_fine_tuning_made_is_that_of_the_win_rates_with_an_interval(scored):
    rates = stored(scored.lake, "win_rates")
    after, before = (one(rates, model=model, language="de")["win_rate"] for model in ("fine_tuned", "base"))
    found = score(scored, "difference")
    assert found["against"] == "base"
    assert found["value"] == pytest.approx(after - before, abs=1e-6)
    assert found["low"] <= found["value"] <= found["high"]
    assert found["headline"]


def test_a_win_rate_without_wrong_language_answers_is_none_for_a_model_that_gives_no_other(scored):
    assert score(scored, "win_rate_in_language", "base")["value"] is None
    assert score(scored, "win_rate_in_language", "base")["why"] == "no answer is in its language"
    assert score(scored, "win_rate_wrong_language_lost", "base")["value"] == 0
    rate = one(stored(scored.lake, "win_rates"), model="fine_tuned", language="de")["win_rate"]
    assert score(scored, "win_rate_in_language")["value"] == pytest.approx(rate, abs=1e-6)


def test_ratings_are_relative_to_the_reference_and_say_what_the_discrete_win_rate_says(scored):
    assert score(scored, "rating", "reference")["value"] == 1000
    for model in ("base", "fine_tuned"):
        expected = score(scored, "discrete_win_rate", model)["value"]
        assert score(scored, "rating_win_rate", model)["value"] == pytest.approx(expected, abs=1e-3)


def test_a_length_controlled_win_rate_without_difficulties_is_labelled_so(scored):
    found = score(scored, "length_controlled_win_rate")
    assert found["label"] == "length_controlled_minimal"
    assert 0 < found["value"] < 100


def test_overlap_with_the_reference_is_higher_for_the_model_that_writes_as_it_does(scored):
    rows = stored(scored.lake, "reference_metrics")
    assert one(rows, model="fine_tuned")["chrf"] > one(rows, model="base")["chrf"]
    assert "version:" in one(rows, model="base")["bleu_signature"]


def test_wrong_lines_are_evidence_for_every_answer_in_another_language(scored):
    rows = stored(scored.lake, "language_confusion")
    assert rows.filter(model="base")["line_pass"].to_list() == [False] * 12
    assert rows.filter(model="base")["wrong_lines"].list.len().min() == 1
    assert "pass_rates" in metadata_of(scored.result, "language_confusion")


def test_judge_quality_tells_consistency_coverage_and_cost(scored):
    rows = stored(scored.lake, "judge_quality")
    told = dict(rows.filter(group="all").select("metric", "value").iter_rows())
    assert told["order_consistency"] == 1
    assert told["coverage"] == 1
    assert told["calls"] == stored(scored.lake, "judgements")["call_id"].count()
    assert set(rows["group"]) == {"all", "language=de"}


def test_a_surrogate_says_so_everywhere_and_how_well_it_agrees(scored):
    assert all("surrogate" in name for name in metadata_of(scored.result, "surrogate_scores") if "win_rate" in name)
    rows = stored(scored.lake, "surrogate_scores")
    assert {"train", "holdout"} >= set(rows["surrogate_part"])
    facts = Lake(scored.lake).record("surrogate_scores", Partition(RELEASE, RELEASE_NAME)).facts["surrogate"]
    assert facts["surrogate_train_rows"] + facts["surrogate_holdout_rows"] == rows.height


def test_too_few_judged_answers_make_an_empty_surrogate_that_says_why(tmp_path):
    made = world(tmp_path, count=2)
    assert run(made, [assets.judgements], likes("good")).success
    result = run(made, SCORES)
    assert result.success
    assert stored(made.lake, "surrogate_scores").is_empty()
    assert "at least 10" in metadata_of(result, "surrogate_scores")["surrogate_why_not"].value


def test_below_99_percent_coverage_there_is_no_win_rate_and_it_says_why(tmp_path):
    made = world(tmp_path)

    def refuses_one(message: str):
        return "I would rather not say." if "Nummer 5." in message else likes("good")(message)

    assert run(made, [assets.judgements], refuses_one).success
    result = run(made, SCORES)
    assert result.success
    rate = one(stored(made.lake, "win_rates"), model="fine_tuned", language="de")
    assert rate["win_rate"] is rate["low"] is rate["high"] is None
    assert rate["scored_only"] > 0
    assert "bad_verdict 1" in rate["why"]
    assert rate["invalid"] == 1
    shown = metadata_of(result, "win_rates")["no_headline"].records
    assert {row.data["language"] for row in shown} == {"de", "average"}
    assert not score(made, "discrete_win_rate")["headline"]
    assert one(stored(made.lake, "win_rates"), model="base", language="de")["win_rate"] is not None


def test_agreement_with_people_is_told_where_they_are_asked(tmp_path):
    made = world(tmp_path, evaluation='known = "people.json"')
    assert run(made, [assets.judgements], likes("good")).success
    answers = stored(made.lake, "model_responses").filter(model="fine_tuned")
    joined = answers.join(
        stored(made.lake, "reference_responses").select("prompt_id", reference="response"), on="prompt_id"
    )
    people = [
        {"instruction": row["instruction"], "output_1": row["reference"], "output_2": row["response"]}
        | {"generator_1": "reference", "generator_2": "model", "preference": 2.0 if "good" in row["response"] else 1.0}
        for row in joined.to_dicts()
    ]
    # A pair that is none of the release's own, and one that can't be used.
    elsewhere = {"instruction": "q", "output_1": "bad", "output_2": "good", "preference": 1, "annotator": "ann"}
    write_json(tmp_path / "people.json", [*people, elsewhere, elsewhere | {"preference": None}])
    assert run(made, SCORES, likes("good")).success
    figures = stored(made.lake, "judge_quality")
    told = dict(figures.filter(group="all").select("metric", "value").iter_rows())
    assert told["accuracy_without_ties"] == pytest.approx(1 - 0.5 * 4 / 12)
    asked = dict(figures.filter(group="known").select("metric", "value").iter_rows())
    assert asked["accuracy_without_ties"] == pytest.approx(1 - (0.5 * 4 + 1) / 13)
    assert "known annotator=ann" in set(figures["group"])
    assert stored(made.lake, "known_judgements")["pair_id"].n_unique() == 13
    funnel = Lake(made.lake).record("known_judgements", Partition(RELEASE, RELEASE_NAME)).facts["funnel"]
    assert funnel == {"in": 27, "kept": 26, "rejected": {"null": 1}}


def test_no_model_is_asked_for_known_pairs_where_the_profile_names_none(scored):
    assert stored(scored.lake, "known_judgements").is_empty()
    assert not stored(scored.lake, "judge_quality")["group"].str.starts_with("known").any()


def test_known_difficulties_make_the_length_controlled_win_rate_another_one(tmp_path):
    made = world(tmp_path, evaluation='difficulty = "difficulty.csv"')
    lines = [f"Where does animal {n} live? Answer in de.,{math.sin(n)}" for n in range(12)]
    (tmp_path / "difficulty.csv").write_text("instruction,difficulty\n" + "\n".join(lines), encoding="utf-8")
    for table in ("model_responses", "reference_responses"):
        clusters = content_address("cluster", "instruction").alias("cluster_id")
        put(made.lake, table, stored(made.lake, table).with_columns(clusters))
    assert run(made, [assets.judgements], likes("good")).success
    assert run(made, SCORES).success
    assert score(made, "length_controlled_win_rate")["label"] == "length_controlled_noreg"


def test_instructions_are_translated_only_where_the_profile_asks_for_it(tmp_path):
    made = world(tmp_path)
    both = [assets.prompt_file, assets.prompt_translations, assets.eval_prompts]
    assert run(made, both, languages=["en", "ga"]).success
    assert stored(made.lake, "prompt_translations", "ga", LANGUAGE).is_empty()
    own = stored(made.lake, "eval_prompts", "ga", LANGUAGE).filter(kind="same_language").height

    wanting = world(tmp_path, evaluation="translate = true")
    result = run(wanting, both, lambda message: "Cá bhfuil sé?", languages=["en", "ga"])
    assert result.success
    translations = stored(made.lake, "prompt_translations", "ga", LANGUAGE)
    assert translations.height == 6
    record = Lake(made.lake).record("prompt_translations", Partition(LANGUAGE, "ga"))
    assert "model:prompt_translator" in {version.table for version in record.inputs}
    assert stored(made.lake, "prompt_translations", "en", LANGUAGE).is_empty()
    prompts = stored(made.lake, "eval_prompts", "ga", LANGUAGE)
    assert prompts.filter(kind="same_language").height == own + 6
    crossed = prompts.filter(kind="cross_lingual").select("cluster_id")
    assert prompts.filter(instruction="Cá bhfuil sé?").join(crossed, on="cluster_id", how="semi").height == 6


def test_a_changed_exclusion_is_a_changed_input_of_the_prompts(tmp_path):
    made = world(tmp_path)
    both = [assets.prompt_file, assets.prompt_translations, assets.eval_prompts]
    assert run(made, both, languages=["en"]).success
    before = Lake(made.lake).record("eval_prompts", Partition(LANGUAGE, "en"))
    fewer = world(tmp_path, evaluation='exclude = ["/./"]')
    result = run(fewer, both, languages=["en"])
    assert result.success
    after = Lake(made.lake).record("eval_prompts", Partition(LANGUAGE, "en"))
    assert after.rows == 0 < before.rows
    assert after.facts["excluded"] > 0
    assert [row.data["rule"] for row in metadata_of(result, "eval_prompts")["excluded"].records] == ["/./"]


def test_a_prompt_file_that_is_not_there_is_told_by_its_reader(tmp_path):
    made = world(tmp_path)
    (tmp_path / "prompts.jsonl").unlink()
    result = run(made, [assets.prompt_file, assets.prompt_translations], languages=["ga"])
    assert not result.success
    assert "can't be opened" in error_of(result)


def test_a_rubric_judge_sees_the_english_reference_where_the_profile_asks_for_it(tmp_path):
    made = world(tmp_path, count=2, evaluation="settings = { english_references = true }")
    english = (
        stored(made.lake, "reference_responses")
        .head(1)
        .with_columns(
            language=pl.lit("en"),
            kind=pl.lit("english"),
            prompt_id=pl.lit("p0-en"),
            response_id=pl.lit("reference-p0-en"),
            response=pl.lit("It lives in the forest."),
        )
    )
    put(made.lake, "reference_responses", pl.concat([stored(made.lake, "reference_responses"), english]))
    seen: list[str] = []

    def five(message: str) -> str:
        seen.append(message)
        return '{"precision": 5, "informativeness": 5, "naturalness": 5, "objectivity": 5}'

    result = run(made, [assets.criteria_scores], five)
    assert result.success
    with_reference = [message for message in seen if message.count("It lives in the forest.") and GERMAN in message]
    assert len(with_reference) == 2
    assert set(stored(made.lake, "criteria_scores")["score"]) == {5}
