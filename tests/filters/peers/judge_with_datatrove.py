"""Judges documents with datatrove's filters; run by the Python of an environment that has it.

Reads JSON lines ``{"text", "words", "language", "stop_words"}`` from standard input: `words` are given to the filters
in place of their own tokeniser's, `stop_words` null means the filter's own. Writes one JSON line per document:
filter -> the reason it drops the document for, or null. A filter that raises has the reason ``error``.
"""

import json
import sys

from datatrove.data import Document
from datatrove.pipeline.filters import gopher_quality_filter, gopher_repetition_filter

words: list[str] = []
for module in (gopher_quality_filter, gopher_repetition_filter):
    module.split_into_words = lambda text, language: words


def filters_of(stop_words):
    """Build the filters as they come, but for the stop words."""
    return {
        "gopher_quality": gopher_quality_filter.GopherQualityFilter(stop_words=stop_words),
        "gopher_repetition": gopher_repetition_filter.GopherRepetitionFilter(),
    }


def reason_of(judge, document):
    """Return None for a document that is kept."""
    try:
        result = judge.filter(document)
    except (ZeroDivisionError, IndexError, AssertionError):
        return "error"
    if isinstance(result, tuple):
        return None if result[0] else result[1]
    return None if result else type(judge).__name__


for line in sys.stdin:
    row = json.loads(line)
    words[:] = row["words"]
    document = Document(text=row["text"], id="", metadata={})
    judged = {name: reason_of(judge, document) for name, judge in filters_of(row["stop_words"]).items()}
    print(json.dumps(judged))
