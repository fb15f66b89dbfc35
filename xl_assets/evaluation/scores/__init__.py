"""Scores of judged answers as pure functions: tables in, figures out; the same whatever the order of the rows.

Nothing here reads a file, calls a model or knows a lake. `xl evaluate` prints what these functions return.
"""


class ScoreError(ValueError):
    """A figure can't be had from what was given."""
