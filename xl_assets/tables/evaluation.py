"""Tables of single prompts, responses and what was said of each response."""

import dataframely as dy

from xl_assets.tables.contract import Filtered


class EvalPrompt(dy.Schema):
    """One prompt. `language` is that of the wanted answer; prompts made from one share `cluster_id`."""

    prompt_id = dy.String(primary_key=True)
    cluster_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    kind = dy.String(nullable=False)  # cross_lingual, same_language, english
    instruction = dy.String(nullable=False)
    source = dy.String(nullable=False)


class ModelResponse(Filtered):
    """A model's answer to a prompt; null where every attempt failed. `model`: base, fine_tuned or reference."""

    response_id = dy.String(primary_key=True)
    release = dy.String(primary_key=True)
    prompt_id = dy.String(nullable=False)
    cluster_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    kind = dy.String(nullable=False)
    instruction = dy.String(nullable=False)
    model = dy.String(nullable=False)
    model_fingerprint = dy.String(nullable=False)
    response = dy.String(nullable=True)
    call_id = dy.String(nullable=False)


class Judgement(dy.Schema):
    """One comparison of a model's response with the reference's, in one order.

    `preference` is in [1, 2] as AlpacaEval counts it: 1 the reference is better, 2 the model; null where invalid.
    `outcome`: judged, identical (a tie without a call), missing (one side has no response, or the call failed) or
    invalid. `reason` and `failure` say why there is no preference, `raw_completion` is what the judge wrote; see
    `evaluation.judges.contract.PairVerdict`. Tokens are those of the last attempt.
    """

    judgement_id = dy.String(primary_key=True)
    release = dy.String(primary_key=True)
    prompt_id = dy.String(nullable=False)
    cluster_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    kind = dy.String(nullable=False)
    model = dy.String(nullable=False)
    order = dy.String(nullable=False)  # reference_first, model_first
    outcome = dy.String(nullable=False)
    preference = dy.Float64(nullable=True, min=1, max=2)
    verdict = dy.String(nullable=True)
    response_id = dy.String(nullable=False)
    reference_id = dy.String(nullable=False)
    call_id = dy.String(nullable=True)
    reason = dy.String(nullable=True)
    failure = dy.String(nullable=True)
    raw_completion = dy.String(nullable=True)
    prompt_tokens = dy.Int64(nullable=True, min=0)
    completion_tokens = dy.Int64(nullable=True, min=0)


class LanguageFidelity(dy.Schema):
    """Whether a response is in the language that was asked for."""

    response_id = dy.String(primary_key=True)
    release = dy.String(primary_key=True)
    prompt_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    kind = dy.String(nullable=False)
    model = dy.String(nullable=False)
    lid_language = dy.String(nullable=True)
    lid_score = dy.Float64(nullable=True, min=0, max=1)
    language_score = dy.Float64(nullable=True, min=0, max=1)
    line_share = dy.Float64(nullable=True, min=0, max=1)
    script_share = dy.Float64(nullable=True, min=0, max=1)
    in_language = dy.Bool(nullable=False)


class CriterionScore(dy.Schema):
    """A judge's score of one response on one criterion; null where the answer could not be parsed."""

    response_id = dy.String(primary_key=True)
    release = dy.String(primary_key=True)
    criterion = dy.String(primary_key=True)
    prompt_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    kind = dy.String(nullable=False)
    model = dy.String(nullable=False)
    score = dy.Int64(nullable=True, min=1, max=5)
    call_id = dy.String(nullable=True)
