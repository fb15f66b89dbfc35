import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.evaluation.scores.made_up_judgements import QUICK, battles
from xl_assets.evaluation.bootstrap import Resampling
from xl_assets.evaluation.formats.battles import STYLE, Battles
from xl_assets.evaluation.scores import ScoreError
from xl_assets.evaluation.scores.bradley_terry import score_bradley_terry
from xl_assets.evaluation.scores.style import style_covariates

SCALE = 400 / np.log(10)
NAMES = [f"{feature}_{side}" for feature in STYLE for side in "ab"]
few = Resampling(resamples=20)

fights = st.lists(
    st.tuples(
        st.sampled_from("123"),
        st.sampled_from("xyz"),
        st.sampled_from("xyz"),
        st.sampled_from(["a", "b", "tie"]),
        st.sampled_from([1.0, 3.0]),
    ).filter(lambda row: row[1] != row[2]),
    min_size=1,
    max_size=20,
)


def random_battles(seed: int, models: int = 4, count: int = 150, style: bool = False) -> Battles:
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        a, b = random.choice(models, 2, replace=False)
        features = random.integers(0, 50, len(NAMES)).tolist() if style else []
        chance = 1 / (1 + np.exp(-(a - b) / 2))
        winner = "tie" if random.random() < 0.2 else "a" if random.random() < chance else "b"
        rows.append((str(random.integers(40)), f"m{a}", f"m{b}", winner, float(random.choice([1, 3])), *features))
    return battles(rows, style, NAMES)


def by_hand(rows: pl.DataFrame, covariates: np.ndarray, anchor: str, penalty=None) -> tuple[dict, np.ndarray]:
    """Ratings of an optimiser that knows nothing of the code under test."""
    models = sorted({*rows["model_a"], *rows["model_b"]})
    design = np.zeros((rows.height, len(models)))
    for number, row in enumerate(rows.iter_rows(named=True)):
        design[number, models.index(row["model_a"])] = 1
        design[number, models.index(row["model_b"])] = -1
    design = np.hstack([design, covariates])
    points, weight = rows["points"].to_numpy(), rows["weight"].to_numpy()
    penalty = np.zeros(design.shape[1]) if penalty is None else penalty

    def lost(strength):
        logits = design @ strength
        terms = points * np.logaddexp(0, -logits) + (1 - points) * np.logaddexp(0, logits)
        return weight @ terms + penalty / 2 @ strength**2

    found = minimize(lost, np.zeros(design.shape[1]), method="BFGS", options={"gtol": 1e-8}).x
    level = found[models.index(anchor)]
    return {model: 1000 + SCALE * (found[index] - level) for index, model in enumerate(models)}, found[len(models) :]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10))
@settings(max_examples=25, deadline=None)
def test_two_models_have_the_closed_form_with_ties_as_half_and_half(won, lost, tied):
    rows = [("1", "x", "y", "a")] * won + [("2", "x", "y", "b")] * lost + [("3", "x", "y", "tie")] * tied
    score = score_bradley_terry(battles(rows), anchor="y", resampling=few)
    share = (won + tied / 2) / (won + lost + tied)
    assert score.models["x"].win_rate_vs_anchor == pytest.approx(100 * share, abs=1e-6)
    assert score.models["x"].rating == pytest.approx(1000 + 400 * np.log10(share / (1 - share)), abs=1e-5)
    assert score.models["y"].rating == 1000
    assert score.models["y"].interval == (1000, 1000)


@given(st.integers(0, 500))
@settings(max_examples=8, deadline=None)
def test_ratings_are_those_of_an_independent_optimiser(seed):
    given_battles = random_battles(seed)
    score = score_bradley_terry(given_battles, anchor="m0", resampling=few)
    expected, _ = by_hand(given_battles.rows, np.zeros((given_battles.rows.height, 0)), "m0")
    assert {name: rating.rating for name, rating in score.models.items()} == pytest.approx(expected, abs=1e-2)
    for rating in score.models.values():
        against = 100 / (1 + 10 ** ((1000 - rating.rating) / 400))
        assert rating.win_rate_vs_anchor == pytest.approx(against, abs=1e-6)


@given(st.integers(0, 500))
@settings(max_examples=4, deadline=None)
def test_ratings_under_style_control_are_those_of_an_independent_optimiser(seed):
    given_battles = random_battles(seed, style=True)
    score = score_bradley_terry(given_battles, anchor="m0", style=True, resampling=few)
    covariates, names = style_covariates(given_battles.rows)
    expected, effects = by_hand(given_battles.rows, covariates, "m0")
    assert {name: rating.rating for name, rating in score.models.items()} == pytest.approx(expected, abs=2e-2)
    assert list(score.style.values()) == pytest.approx(effects.tolist(), abs=1e-4)
    assert names == list(score.style) == list(STYLE)


def test_arena_hards_penalty_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    given_battles = random_battles(3, style=True)
    rows = given_battles.rows
    covariates, _ = style_covariates(rows)
    models = sorted({*rows["model_a"], *rows["model_b"]})
    design = np.zeros((rows.height, len(models)))
    for number, (a, b) in enumerate(rows.select("model_a", "model_b").iter_rows()):
        design[number, [models.index(a), models.index(b)]] = [np.log(10), -np.log(10)]
    # Each battle twice, a tie once for either side.
    design = np.vstack([np.hstack([design, covariates])] * 2)
    points = rows["points"].to_numpy()
    labels = np.concatenate([points >= 0.5, points > 0.5])
    model = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=1000)
    found = model.fit(design, labels, sample_weight=np.tile(rows["weight"], 2)).coef_[0]
    score = score_bradley_terry(given_battles, anchor="m0", style=True, c=1.0, resampling=few)
    expected = {name: 1000 + 400 * (found[index] - found[0]) for index, name in enumerate(models)}
    assert {name: rating.rating for name, rating in score.models.items()} == pytest.approx(expected, abs=0.01)


def test_style_covariates_are_normalised_differences_less_their_weighted_mean():
    rows = [("1", "x", "y", "a", 2.0, 10, 30, 1, 0, 0, 0, 4, 4), ("1", "x", "y", "b", 1.0, 5, 5, 0, 1, 0, 0, 7, 7)]
    covariates, names = style_covariates(battles(rows, True, NAMES).rows)
    tokens, headers = np.array([-20 / 41] * 2 + [0]), np.array([1 / 2] * 2 + [-1 / 2])
    assert names == ["tokens", "headers"]
    for column, values in enumerate((tokens, headers)):
        assert covariates[:, column] == pytest.approx(((values - values.mean()) / values.std())[1:])


@given(fights)
@settings(max_examples=25, deadline=None)
def test_a_against_b_is_100_minus_b_against_a(rows):
    given_battles = battles(rows)
    models = sorted({*given_battles.rows["model_a"], *given_battles.rows["model_b"]})
    first, second = models[:2]
    one, other = (score_bradley_terry(given_battles, anchor=name, resampling=few) for name in (first, second))
    if one.models[second].win_rate_vs_anchor is None:
        assert other.models[first].win_rate_vs_anchor is None
        return
    total = one.models[second].win_rate_vs_anchor + other.models[first].win_rate_vs_anchor
    assert total == pytest.approx(100, abs=1e-4)


@given(fights, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_neither_the_order_of_rows_nor_who_is_called_a_changes_anything(rows, random):
    turn = {"a": "b", "b": "a", "tie": "tie"}
    again = [(q, b, a, turn[w], n) if random.random() < 0.5 else (q, a, b, w, n) for q, a, b, w, n in rows]
    random.shuffle(again)
    assert score_bradley_terry(battles(rows), resampling=few) == score_bradley_terry(battles(again), resampling=few)


@given(st.integers(0, 99))
@settings(max_examples=5, deadline=None)
def test_the_order_of_rows_changes_nothing_under_style_control(seed):
    given_battles = random_battles(1, style=True)
    rows = given_battles.rows.sample(fraction=1, shuffle=True, seed=seed)
    one, again = (
        score_bradley_terry(table, style=True, resampling=few) for table in (given_battles, Battles(rows, {}))
    )
    assert one == again


def test_a_weight_of_three_is_three_battles():
    heavy = battles([("1", "x", "y", "a", 3.0), ("2", "x", "y", "b", 1.0)])
    many = battles([("1", "x", "y", "a")] * 3 + [("2", "x", "y", "b")])
    one, other = (score_bradley_terry(table, resampling=few).models["x"] for table in (heavy, many))
    assert (one.rating, one.interval) == (other.rating, other.interval)


def test_self_battles_are_left_out_and_named():
    rows = [("1", "x", "y", "a"), ("1", "x", "y", "b"), ("2", "x", "x", "a"), ("2", "y", "y", "tie")]
    score = score_bradley_terry(battles(rows), resampling=few)
    assert score.rejected == {"a model against itself": 2}
    assert score.models["x"].win_rate_vs_anchor == pytest.approx(50)


def test_models_that_no_battle_connects_have_no_win_rate_against_the_anchor():
    rows = [
        ("1", "x", "y", "a"),
        ("2", "x", "y", "b"),
        ("1", "v", "w", "a"),
        ("2", "v", "w", "b"),
        ("3", "v", "w", "b"),
    ]
    score = score_bradley_terry(battles(rows), anchor="x", resampling=few)
    assert score.n_components == 2
    assert score.models["y"].win_rate_vs_anchor == pytest.approx(50)
    assert score.models["v"].win_rate_vs_anchor is None
    assert score.models["v"].interval is None
    assert (score.models["v"].rating + score.models["w"].rating) / 2 == pytest.approx(1000)
    assert score.models["w"].rating - score.models["v"].rating == pytest.approx(400 * np.log10(2))
    assert any("can't be compared" in note for note in score.notes)


@pytest.mark.parametrize(("winner", "rate"), [("a", 100), ("b", 0)])
def test_all_won_and_all_lost_are_finite_and_named(winner, rate):
    score = score_bradley_terry(battles([(str(n), "x", "y", winner) for n in range(30)]), anchor="y", resampling=QUICK)
    rating = score.models["x"]
    assert rating.win_rate_vs_anchor == pytest.approx(rate, abs=0.001)
    assert np.isfinite(rating.rating)
    assert rating.separated
    assert not score.models["y"].separated
    assert any("x" in note and "prior" in note for note in score.notes)


def test_one_that_lost_everything_leaves_the_others_as_they_are():
    rows = [(str(n), "x", "y", "a" if n % 3 else "b") for n in range(30)]
    alone = score_bradley_terry(battles(rows), anchor="y", resampling=few)
    joined = score_bradley_terry(
        battles([*rows, ("1", "z", "x", "b"), ("1", "z", "y", "b")]), anchor="y", resampling=few
    )
    assert joined.models["x"].rating == pytest.approx(alone.models["x"].rating, abs=0.01)
    assert [name for name, rating in joined.models.items() if rating.separated] == ["z"]


def test_one_prompt_has_ratings_without_intervals():
    score = score_bradley_terry(battles([("1", "x", "y", "a"), ("1", "x", "y", "b")]))
    assert score.n_prompts == 1
    assert score.models["x"].interval is None


def test_battles_of_a_prompt_are_drawn_together():
    rows = [("1", "x", "y", "a")] * 50 + [("2", "x", "y", "b")] * 50
    score = score_bradley_terry(battles(rows), anchor="y")
    low, high = score.models["x"].win_rate_interval
    assert low < 1
    assert high > 99


def test_the_interval_of_many_prompts_is_near_the_normal_one():
    rows = [(str(n), "x", "y", "a" if n % 3 else "b") for n in range(300)]
    score = score_bradley_terry(battles(rows), anchor="y", resampling=Resampling(resamples=400))
    half = 196 * np.sqrt(2 / 9 / 300)
    assert score.models["x"].win_rate_interval == pytest.approx((200 / 3 - half, 200 / 3 + half), abs=1)


def test_without_an_anchor_the_model_of_most_battles_is_it():
    rows = [("1", "x", "r", "a"), ("2", "y", "r", "b"), ("3", "z", "r", "tie")]
    score = score_bradley_terry(battles(rows), resampling=few)
    assert score.anchor == "r"
    assert score.models["r"].rating == 1000


def test_an_anchor_without_battles_is_an_error_that_names_the_models():
    with pytest.raises(ScoreError, match="x, y"):
        score_bradley_terry(battles([("1", "x", "y", "a")]), anchor="q")


def test_no_battle_that_counts_is_an_error_that_says_why():
    with pytest.raises(ScoreError, match="against itself"):
        score_bradley_terry(battles([("1", "x", "x", "a")]))
