"""Tables of figures over many prompts: of models, and of their judge."""

import dataframely as dy


class WinRate(dy.Schema):
    """Win rate of a model against the reference, in percent, with a bootstrap interval clustered by prompt.

    `language` is a code, or ``average`` for the mean over languages. `coverage` is the share of prompts with a
    preference; where it is too low for a headline figure `win_rate` and its interval are null, `why` says so, and
    `scored_only` has what the scored prompts alone would give.
    """

    release = dy.String(primary_key=True)
    model = dy.String(primary_key=True)
    kind = dy.String(primary_key=True)
    language = dy.String(primary_key=True)
    win_rate = dy.Float64(nullable=True, min=0, max=100)
    standard_error = dy.Float64(nullable=True, min=0)
    low = dy.Float64(nullable=True)
    high = dy.Float64(nullable=True)
    order_consistency = dy.Float64(nullable=True, min=0, max=1)
    prompts = dy.Int64(nullable=False, min=0)
    ties = dy.Int64(nullable=False, min=0)
    invalid = dy.Int64(nullable=False, min=0)
    missing = dy.Int64(nullable=False, min=0)
    coverage = dy.Float64(nullable=True, min=0, max=1)
    scored_only = dy.Float64(nullable=True, min=0, max=100)
    why = dy.String(nullable=True)


class ModelScore(dy.Schema):
    """One figure of a model beside the plain win rate, with its interval.

    `score` names it:

    - ``discrete_win_rate``: wins and half of the ties, percent.
    - ``win_rate_wrong_language_lost``: the win rate if an answer in another language has lost, percent.
    - ``win_rate_in_language``: over prompts whose answer as a whole is in its language (`LanguageFidelity`), percent.
    - ``win_rate_line_pass``: over prompts whose answer has no line in another language (Language Confusion
      Benchmark; says little where the identifier does not know the language well), percent.
    - ``length_controlled_win_rate``: percent; `label` says which of AlpacaEval's models it is of.
    - ``rating``: Bradley-Terry on Elo's scale, and ``rating_win_rate``: what it says against the anchor, percent.
    - ``difference``: win rate of `model` less that of `against` on the same prompts, percentage points.

    `against` is the model that it is relative to: the reference, or for differences the other model. `language` is a
    code, or ``average`` for all languages together. `n` counts the prompts (battles, of a rating) that it is of. `why`
    says why there is no value, no interval or no headline; a figure that is no headline has `headline` False.
    """

    release = dy.String(primary_key=True)
    score = dy.String(primary_key=True)
    model = dy.String(primary_key=True)
    against = dy.String(primary_key=True)
    kind = dy.String(primary_key=True)
    language = dy.String(primary_key=True)
    label = dy.String(nullable=True)
    value = dy.Float64(nullable=True)
    standard_error = dy.Float64(nullable=True, min=0)
    low = dy.Float64(nullable=True)
    high = dy.Float64(nullable=True)
    n = dy.Int64(nullable=False, min=0)
    headline = dy.Bool(nullable=False)
    why = dy.String(nullable=True)


class ReferenceMetric(dy.Schema):
    """chrF and BLEU of a model's answers against the reference's, 0 to 100, as one corpus a row.

    Two good answers need not look alike: these say how near a model is to the reference's wording, no more.
    `n_rows` = `n_scored` + `n_missing` (no answer) + `n_without_reference`.
    """

    release = dy.String(primary_key=True)
    model = dy.String(primary_key=True)
    kind = dy.String(primary_key=True)
    language = dy.String(primary_key=True)
    chrf = dy.Float64(nullable=True, min=0, max=100)
    bleu = dy.Float64(nullable=True, min=0, max=100)
    chrf_signature = dy.String(nullable=True)
    bleu_signature = dy.String(nullable=True)
    n_rows = dy.Int64(nullable=False, min=0)
    n_scored = dy.Int64(nullable=False, min=0)
    n_missing = dy.Int64(nullable=False, min=0)
    n_without_reference = dy.Int64(nullable=False, min=0)


class JudgeFigure(dy.Schema):
    """How far a release's judge can be trusted; one figure a row. See `evaluation.judges.contract.JudgeQuality`.

    `group` is ``all`` or ``language=<code>``. `metric`: order_consistency, first_position, self_win_rate, coverage,
    calls, prompt_tokens, completion_tokens, cost. `value` is null where the figure has no meaning; `reason` says why.
    """

    release = dy.String(primary_key=True)
    judge = dy.String(primary_key=True)
    judge_model = dy.String(primary_key=True)
    group = dy.String(primary_key=True)
    metric = dy.String(primary_key=True)
    value = dy.Float64(nullable=True)
    n = dy.Int64(nullable=False, min=0)
    reason = dy.String(nullable=True)
