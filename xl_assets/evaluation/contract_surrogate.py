"""Contracts of the surrogate judge's tables; every one of its figures has `surrogate` in its name."""

import dataframely as dy


class SurrogateScore(dy.Schema):
    """What the surrogate expects a judge to prefer: 1 the reference, 2 the model."""

    response_id = dy.String(primary_key=True)
    release = dy.String(primary_key=True)
    prompt_id = dy.String(nullable=False)
    cluster_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    kind = dy.String(nullable=False)
    model = dy.String(nullable=False)
    surrogate_preference = dy.Float64(nullable=True, min=1, max=2)
    surrogate_part = dy.String(nullable=False)  # train, holdout, unjudged
    surrogate_id = dy.String(nullable=False)
