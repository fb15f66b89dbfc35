import polars as pl

from tests.evaluation.made_up import judgement, judgements, prompts, responses
from xl_assets.evaluation.surrogate import fit_surrogate
from xl_assets.evaluation.surrogate_features import surrogate_rows

ASKED = prompts(2, ("de",))
ANSWERED = responses(ASKED, "fine_tuned", lambda p: None if p["prompt_id"] == "p1-de" else "Der Fuchs.")
REFERENCES = responses(ASKED, "reference", lambda p: "Der Rotfuchs.")


def test_a_response_gets_its_reference_its_overlap_and_the_mean_of_its_valid_judgements():
    judged = judgements(
        [
            judgement(0, preference=1.9),
            judgement(0, order="model_first", preference=1.5),
            judgement(0, order="other", outcome="invalid", preference=None),
            judgement(1, outcome="missing", preference=None),
        ]
    )
    rows = surrogate_rows(ANSWERED, REFERENCES, judged)
    assert rows["preference"].to_list() == [1.7, None]
    assert rows["reference"].to_list() == ["Der Rotfuchs."] * 2
    assert rows["chrf"].is_null().to_list() == [False, True]
    assert rows["response_id"].to_list() == ANSWERED["response_id"].to_list()


def test_measures_are_taken_from_every_table_that_has_them():
    keys = ANSWERED.select("response_id", "release")
    confusion = keys.with_columns(line_pass=pl.Series([True, None]), script_share=pl.Series([1.0, None]))
    fidelity = keys.reverse().with_columns(language_score=pl.Series([0.1, 0.9]), script_share=pl.lit(0.0))
    rows = surrogate_rows(ANSWERED, REFERENCES, None, confusion, fidelity)
    assert rows.select("line_pass", "script_share", "language_score").rows() == [(True, 1.0, 0.9), (None, None, 0.1)]
    assert rows["preference"].null_count() == 2


def test_the_surrogate_learns_from_these_rows():
    asked = prompts(40, ("de",))
    answered = responses(
        asked, "fine_tuned", lambda p: "Der Rotfuchs lebt im Wald."[: 4 + int(p["prompt_id"][1:-3]) % 20]
    )
    references = responses(asked, "reference", lambda p: "Der Rotfuchs lebt im Wald.")
    preferences = surrogate_rows(answered, references)["chrf"] / 100 + 1
    judged = answered.select("response_id", "release", preference=preferences)
    report = fit_surrogate(surrogate_rows(answered, references, judged)).report
    assert report["surrogate_r2"] > 0.9
    assert report["surrogate_features"] == ["log_length", "log_length_ratio", "log_lines_ratio", "chrf", "bleu"]
