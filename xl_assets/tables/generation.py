"""Tables from a question to the finished instruction data of a language."""

import dataframely as dy

from xl_assets.tables.contract import Filtered


class Question(Filtered):
    """The English instruction that a passage answers. Null where no usable answer came."""

    question_id = dy.String(primary_key=True)
    passage_id = dy.String(nullable=False)
    passage = dy.String(nullable=False)
    instruction = dy.String(nullable=True)
    call_id = dy.String(nullable=False)


class RefinedResponse(Filtered):
    """The passage rewritten as a response to its question."""

    pair_id = dy.String(primary_key=True)
    question_id = dy.String(nullable=False)
    passage_id = dy.String(nullable=False)
    instruction = dy.String(nullable=False)
    response = dy.String(nullable=True)
    call_id = dy.String(nullable=False)


SCORES = dy.List(dy.Struct({"criterion": dy.String(), "score": dy.Int64()}), nullable=True)


class ScoredPair(Filtered):
    """An English pair with a score from 1 to 5 on each criterion."""

    pair_id = dy.String(primary_key=True)
    question_id = dy.String(nullable=False)
    passage_id = dy.String(nullable=False)
    instruction = dy.String(nullable=False)
    response = dy.String(nullable=False)
    scores = SCORES
    mean_score = dy.Float64(nullable=True, min=1, max=5)
    call_id = dy.String(nullable=False)


class TranslationCandidate(Filtered):
    """One of n translations of a pair's response. For English the response itself, as sample 0 without a call."""

    candidate_id = dy.String(primary_key=True)
    pair_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    sample = dy.Int64(nullable=False, min=0)  # type: ignore[assignment]  # hides a helper that nobody needs here
    instruction = dy.String(nullable=False)
    source_response = dy.String(nullable=False)
    response = dy.String(nullable=True)
    call_id = dy.String(nullable=True)


class SelectedTranslation(Filtered):
    """All candidates with their estimated quality; exactly the best of a pair is kept, the rest say why not."""

    candidate_id = dy.String(primary_key=True)
    pair_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    sample = dy.Int64(nullable=False, min=0)  # type: ignore[assignment]  # hides a helper that nobody needs here
    instruction = dy.String(nullable=False)
    source_response = dy.String(nullable=False)
    response = dy.String(nullable=False)
    estimator = dy.String(nullable=False)
    quality = dy.Float64(nullable=True)
    rank = dy.Int64(nullable=True, min=1)
    quality_call_id = dy.String(nullable=True)


class InstructionCandidate(dy.Schema):
    """A row that may be trained on. Every recipe ends here; `instruction` ends with its directive, if it has one."""

    row_id = dy.String(primary_key=True)
    language = dy.String(nullable=False)
    recipe = dy.String(nullable=False)
    instruction = dy.String(nullable=False)
    directive = dy.String(nullable=False)
    response = dy.String(nullable=False)
    pair_id = dy.String(nullable=False)
    candidate_id = dy.String(nullable=False)


class LanguageFiltered(InstructionCandidate, Filtered):
    """Candidates whose response was checked, document and line level, to be in its language."""

    lid_language = dy.String(nullable=True)
    lid_score = dy.Float64(nullable=True, min=0, max=1)
    language_score = dy.Float64(nullable=True, min=0, max=1)
    line_share = dy.Float64(nullable=True, min=0, max=1)
    script_share = dy.Float64(nullable=True, min=0, max=1)
    lid_model = dy.String(nullable=False)


class XLInstruct(InstructionCandidate, Filtered):
    """The finished rows of a language: quality filtered, decontaminated, at most the cap, chosen for diversity."""

    quality = dy.Float64(nullable=True)
    contaminated_by = dy.String(nullable=True)
    cluster = dy.Int64(nullable=True)
