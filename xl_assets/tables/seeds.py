"""Tables from a source's lines to passages."""

import dataframely as dy

from xl_assets.tables.contract import Filtered


class QuarantinedLine(dy.Schema):
    """A line or row of a source that could not become a document."""

    line_id = dy.String(primary_key=True)
    language = dy.String(nullable=False)
    file = dy.String(nullable=False)
    line = dy.Int64(nullable=True)
    byte_offset = dy.Int64(nullable=True)
    reason = dy.String(nullable=False)
    head = dy.String(nullable=True)


class SeedDocument(dy.Schema):
    """One document as it was read. `file` is relative to the source's root; `line` counts from 1."""

    document_id = dy.String(primary_key=True)
    language = dy.String(nullable=False)
    text = dy.String(nullable=False)
    source_id = dy.String(nullable=True)
    url = dy.String(nullable=True)
    source = dy.String(nullable=True)
    license = dy.String(nullable=True)
    file = dy.String(nullable=False)
    line = dy.Int64(nullable=False)


class IdentifiedDocument(SeedDocument, Filtered):
    """`lid_score` is fastText's probability of `lid_language`; `language_score` that of the wanted language."""

    lid_language = dy.String(nullable=True)
    lid_score = dy.Float64(nullable=True, min=0, max=1)
    language_score = dy.Float64(nullable=True, min=0, max=1)
    line_share = dy.Float64(nullable=True, min=0, max=1)
    script_share = dy.Float64(nullable=True, min=0, max=1)
    lid_model = dy.String(nullable=False)


class FilteredDocument(SeedDocument, Filtered):
    """`text` has personal data replaced by typed placeholders; `metrics` holds each rule's measured value."""

    redactions = dy.Int64(nullable=False, min=0)
    metrics = dy.List(
        dy.Struct({"rule": dy.String(), "value": dy.Float64(nullable=True), "threshold": dy.Float64(nullable=True)}),
        nullable=False,
    )
    duplicate_of = dy.String(nullable=True)
    cluster_id = dy.String(nullable=True)
    cluster_size = dy.Int64(nullable=True, min=1)


class Passage(dy.Schema):
    """A stretch of a kept document; `start` and `end` count code points of the filtered text."""

    passage_id = dy.String(primary_key=True)
    document_id = dy.String(nullable=False)
    language = dy.String(nullable=False)
    text = dy.String(nullable=False)
    start = dy.Int64(nullable=False, min=0)
    end = dy.Int64(nullable=False, min=1)
