"""Judges documents with datatrove's filters that look at lines; run by the Python of an environment that has it.

Reads JSON lines ``{"text", "words"}`` from standard input: `words` are given to the filters in place of their own
tokeniser's. Writes one JSON line per document: filter -> the reason it drops the document for, or null; ``text``:
what C4's filter leaves of a document that it keeps. C4's sentences are not counted: that takes trained models.
"""

import json
import sys

from datatrove.data import Document
from datatrove.pipeline.filters import c4_filters, fineweb_quality_filter

words: list[str] = []
fineweb_quality_filter.split_into_words = lambda text, language: words

FILTERS = {
    "c4": c4_filters.C4QualityFilter(min_num_sentences=-1),
    "fineweb": fineweb_quality_filter.FineWebQualityFilter(),
    "fineweb2": fineweb_quality_filter.FineWebQualityFilter(short_line_thr=999, char_duplicates_ratio=0.1),
}

for line in sys.stdin:
    row = json.loads(line)
    words[:] = row["words"]
    judged: dict[str, str | None] = {}
    for name, judge in FILTERS.items():
        document = Document(text=row["text"], id="", metadata={})
        try:
            result = judge.filter(document)
        except ZeroDivisionError:
            result = False, "error"
        judged[name] = result[1] if isinstance(result, tuple) else None
        if name == "c4":
            judged["text"] = document.text if judged[name] is None else None
    print(json.dumps(judged))
