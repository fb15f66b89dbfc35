"""Parsers: how a raw answer becomes columns, or is found unusable.

Each function returns a `Parser` for `calls.complete_rows`: expressions over the answer's columns
(``text``, ``logprobs``). They are total: whatever a model wrote, they give values or name a problem and
never raise. They are strict: an answer that is nearly right is asked for again, not guessed at.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from xl_assets.generation.calls import Parser

#: What JSON takes for white space.
_BLANK = r"[ \t\r\n]*"


def text_answer(column: str) -> Parser:
    """The answer as it is, without white space around it.

    Quotation marks and phrases such as "Here is" stay: whether they belong to the answer is not ours to guess.

    Args:
        column: name of the String column that holds the text.
    """
    return Parser({column: _stripped()})


def choice(column: str, options: Sequence[str]) -> Parser:
    """One of a few words, letter for letter; anything else is the problem ``bad_choice``.

    Args:
        column: name of the String column that holds the chosen word.
        options: the words allowed.
    """
    return Parser({column: _stripped()}, _problem_unless(_stripped().is_in(list(options)), "bad_choice"))


def one_digit(column: str, low: int = 1, high: int = 5) -> Parser:
    """One digit and nothing else; anything else is the problem ``bad_digit``.

    Args:
        column: name of the Int64 column that holds the digit.
        low: least digit allowed.
        high: greatest digit allowed.
    """
    return Parser({column: _digit(low, high)}, _problem_unless(_digit(low, high).is_not_null(), "bad_digit"))


def expected_digit(column: str, expected: str, low: int = 1, high: int = 5) -> Parser:
    """One digit, and the mean of the digits weighted by the probabilities of the first answer token.

    Digits tie often; their expectation rarely does. Probabilities are renormalised over the digits low..high;
    a digit that is not among the returned tokens counts 0, and without log probabilities the
    expectation is the digit itself. Anything but one digit is the problem ``bad_digit``.

    Args:
        column: name of the Int64 column that holds the digit.
        expected: name of the Float64 column that holds the expectation, in [low, high].
        low: least digit allowed.
        high: greatest digit allowed.
    """
    strict = one_digit(column, low, high)
    mean = _expected_value({str(value): float(value) for value in range(low, high + 1)})
    return Parser({**strict.values, expected: pl.coalesce(mean, _digit(low, high).cast(pl.Float64))}, strict.problem)


def scores_json(criteria: Sequence[str] | Mapping[str, str], low: int = 1, high: int = 5) -> Parser:
    """A JSON object that gives every criterion an integer from `low` to `high`, in any order, and holds nothing else.

    Gives ``scores`` (list of struct criterion, score, in the criteria's order) and ``mean_score``.
    Every other answer is the problem ``bad_scores``: text around it, a criterion missing, unknown or
    repeated, a score out of range, with a fraction or in quotation marks.

    Args:
        criteria: names of the criteria.
        low: least score allowed, not below 0.
        high: greatest score allowed.

    Raises:
        ValueError: where there is no criterion, or a name holds a quotation mark or a backslash.
    """
    names = list(dict.fromkeys(criteria))
    if not names or any(set(name) & set('"\\') for name in names):
        raise ValueError(f"criteria {names}: name at least one, without quotation marks or backslashes")
    # Not str.json_decode: in Polars 2.1 one malformed row makes the whole column raise, an empty string drops
    # out of the result and 1.5 is read as 1. An object this flat is a regular language: match it whole.
    number = f"(?:{'|'.join(map(str, range(low, high + 1)))})"
    member = rf'"(?:{"|".join(pl.escape_regex(name) for name in names)})"{_BLANK}:{_BLANK}{number}'
    more = rf"(?:{_BLANK},{_BLANK}{member}){{{len(names) - 1}}}"
    whole = rf"^\{{{_BLANK}{member}{more}{_BLANK}\}}$"
    found = _stripped().str.contains(whole)
    scores = {name: _stripped().str.extract(_score_of(name, number)).cast(pl.Int64) for name in names}
    complete = pl.all_horizontal(score.is_not_null() for score in scores.values())
    values = {
        "scores": pl.concat_list(
            pl.struct(pl.lit(name).alias("criterion"), score.alias("score")) for name, score in scores.items()
        ),
        "mean_score": pl.mean_horizontal(score.cast(pl.Float64) for score in scores.values()),
    }
    return Parser(values, _problem_unless(found & complete, "bad_scores"))


def score_after_result(criterion: str, low: int = 1, high: int = 5) -> Parser:
    """Feedback in words, then ``[RESULT]`` and one integer from `low` to `high`, and nothing after it.

    How Prometheus and the CIA suite's Hercule answer (Doddapaneni et al. 2024, Cross-Lingual Auto Evaluation). Gives
    ``scores`` and ``mean_score`` as `scores_json` does, of the one criterion. Every other answer is ``bad_scores``:
    no ``[RESULT]`` or several, another number, a fraction, words after it.

    Args:
        criterion: name of what is scored.
        low: least score allowed, not below 0.
        high: greatest score allowed.
    """
    number = "|".join(map(str, range(low, high + 1)))
    score = _stripped().str.extract(rf"\[RESULT\]\s*({number})$").cast(pl.Int64)
    once = _stripped().str.count_matches("[RESULT]", literal=True) == 1
    values = {
        "scores": pl.concat_list(pl.struct(pl.lit(criterion).alias("criterion"), score.alias("score"))),
        "mean_score": score.cast(pl.Float64),
    }
    return Parser(values, _problem_unless(once & score.is_not_null(), "bad_scores"))


def choice_by_logprobs(a: str = "A", b: str = "B", exact: bool = False) -> Parser:
    """How sure a judge is that A is better, from the first answer token.

    Gives ``probability`` = P(a) / (P(a) + P(b)), where a token that is not among the returned ones counts 0, and
    ``verdict``, the answer as it was written. With neither token returned the problem is ``no_verdict``.
    In AlpacaEval's terms the preference is 2 - probability where A is the reference: its `logprob_parser` with
    numerator a, denominators a and b, not binarised (weighted_alpaca_eval_gpt4_turbo). It compares tokens letter for
    letter (`exact`), and it scores an answer that is neither a nor b by what probability the two had.

    Args:
        a: the token of the first answer.
        b: the token of the second.
        exact: compare tokens letter for letter; else without white space around them.
    """
    probability = _expected_value({a: 1.0, b: 0.0}, exact)
    values = {"probability": probability, "verdict": _stripped()}
    return Parser(values, _problem_unless(probability.is_not_null(), "no_verdict"))


def verdict_by_logprobs(a: str, b: str, exact: bool = False, strict: bool = True) -> Parser:
    """`choice_by_logprobs`, and unless told otherwise nothing but a label as the answer.

    A refusal has log probabilities too: what little a and b have of them is no verdict (``bad_verdict``). Gives
    ``label_mass`` as well, P(a) + P(b) before it is renormalised.

    Args:
        a, b, exact: see `choice_by_logprobs`.
        strict: whether the written answer must be a or b. Off is AlpacaEval's `logprob_parser` to the letter.
    """
    weighed = choice_by_logprobs(a, b, exact)
    wrong = pl.lit(strict) & ~_stripped().is_in([a, b])
    problem = pl.when(wrong).then(pl.lit("bad_verdict")).otherwise(weighed.problem)
    mass = pl.col("logprobs").list.eval(_ours({a: 1.0, b: 0.0}, exact).exp().sum()).list.first()
    return Parser({**weighed.values, "label_mass": mass.clip(0, 1)}, problem)


def verdict_by_choice(a: str, b: str, tie: str | None = None) -> Parser:
    """The written label alone: ``probability`` that a is better is 1, 0, or 0.5 for a tie.

    Gives ``verdict`` and a null ``label_mass`` as well, so that it stands where `verdict_by_logprobs` does. Anything
    but a label, letter for letter, is the problem ``bad_verdict``.
    """
    meaning = {a: 1.0, b: 0.0, **({tie: 0.5} if tie is not None else {})}
    values = {
        "probability": _stripped().replace_strict(meaning, default=None, return_dtype=pl.Float64),
        "verdict": _stripped(),
        "label_mass": pl.lit(None, dtype=pl.Float64),
    }
    return Parser(values, _problem_unless(_stripped().is_in(list(meaning)), "bad_verdict"))


def _stripped() -> pl.Expr:
    return pl.col("text").str.strip_chars()


def _problem_unless(usable: pl.Expr, problem: str) -> pl.Expr:
    return pl.when(usable.fill_null(False)).then(pl.lit(None, dtype=pl.String)).otherwise(pl.lit(problem))


def _digit(low: int, high: int) -> pl.Expr:
    return _stripped().str.extract(rf"^([{low}-{high}])$").cast(pl.Int64)


def _score_of(name: str, number: str) -> str:
    return rf'[{{,]{_BLANK}"{pl.escape_regex(name)}"{_BLANK}:{_BLANK}({number})(?:[^0-9]|$)'


def _expected_value(values: Mapping[str, float], exact: bool = False) -> pl.Expr:
    """Mean of the values, weighted by their tokens' probabilities; null where none of the tokens came back.

    Tokens are compared without white space around them unless `exact`: tokenizers write "A" and " A" as different
    tokens of one word.
    """
    ours = _ours(values, exact)
    # Shifted by the greatest, so that two unlikely tokens still compare where exp would be 0 for both.
    weight = (ours - ours.max()).exp()
    value = _token(exact).replace_strict(dict(values), default=None, return_dtype=pl.Float64)
    mean = (weight * value).sum() / weight.sum()
    return pl.col("logprobs").list.eval(mean).list.first().fill_nan(None)


def _ours(values: Mapping[str, float], exact: bool) -> pl.Expr:
    """Log probabilities of the tokens that count, null for the others; over the elements of ``logprobs``."""
    logprob = pl.element().struct.field("logprob")
    return pl.when(_token(exact).is_in(list(values)) & logprob.is_finite()).then(logprob)


def _token(exact: bool) -> pl.Expr:
    token = pl.element().struct.field("token")
    return token if exact else token.str.strip_chars()
