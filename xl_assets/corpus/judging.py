"""One batch of records, judged by itself: what becomes of each, the documents that stay, and their sketches."""

from typing import NamedTuple

import polars as pl

from xl_assets.corpus.decisions import DOCUMENT, decided, quarantined_decisions
from xl_assets.corpus.options import CleanOptions, Identifier
from xl_assets.filters.language_id import IDENTIFIED, identify_documents
from xl_assets.filters.near_duplicates import sketch_documents
from xl_assets.filters.pipeline import FilterModels, judge_documents
from xl_assets.languages import UnknownLanguage, any_language, lid_codes
from xl_assets.seeds.readers import UNDETERMINED


class Judged(NamedTuple):
    """A judged batch.

    Attributes:
        decisions: ``decisions.DECISION`` and ``WORK``, one row a record, in the order of the file.
        documents: those that stay, columns of ``decisions.DOCUMENT``.
        sketches: of these, in their order; None where duplicates are not looked for.
    """

    decisions: pl.DataFrame
    documents: pl.DataFrame
    sketches: pl.DataFrame | None


def judge_batch(
    documents: pl.DataFrame,
    quarantined: pl.DataFrame,
    identifier: Identifier,
    options: CleanOptions,
    models: FilterModels | None = None,
) -> Judged:
    """Identify, judge and sketch a batch; how records are batched changes nothing.

    Args:
        documents: table ``SeedDocument``; language ``und`` stands for none declared.
        quarantined: table ``QuarantinedLine``.
        identifier: the language identification model.
        options: thresholds and rules.
        models: that score the documents.
    """
    identified = identify_batch(documents, identifier, options)
    judged = judge_documents(identified, options.filters, models)
    stays = judged.filter("kept").join(
        identified.select("document_id", "language_score"), on="document_id", maintain_order="left"
    )
    decisions = pl.concat([decided(_with_verdicts(identified, judged, stays)), quarantined_decisions(quarantined)])
    return Judged(
        decisions.sort("line", nulls_last=True, maintain_order=True),
        stays.select(pl.col(theirs).alias(ours) for ours, theirs in DOCUMENT.items()),
        sketch_documents(stays, options.filters.duplicates, quality="quality") if options.duplicates else None,
    )


def identify_batch(documents: pl.DataFrame, identifier: Identifier, options: CleanOptions) -> pl.DataFrame:
    """Identify a batch; a document without a declared language is judged as one of the language that is found.

    Returns:
        Table ``IdentifiedDocument`` with `declared` (null where there was none). A declared language that the
        registry does not hold gives the reason ``unknown_language``.
    """
    settled = _settled(documents, identifier)
    known = settled.filter("known").drop("known")
    unknown = settled.filter(~pl.col("known")).drop("known")
    identified = identify_documents(known, identifier.predict, options.identification, model=identifier.name)
    if unknown.is_empty():
        return identified
    # Found nothing to go by: that is what identification says of a text without letters, too.
    reason = pl.when(pl.col("declared").is_null()).then(pl.lit("unsure_language")).otherwise(pl.lit("unknown_language"))
    refused = unknown.with_columns(
        *(pl.lit(None, dtype=dtype).alias(name) for name, dtype in IDENTIFIED.items()),
    ).with_columns(pl.concat_list(reason).alias("reasons"), pl.lit(False).alias("kept"))
    return pl.concat([identified, refused.select(identified.columns)]).sort("line", maintain_order=True)


def _settled(documents: pl.DataFrame, identifier: Identifier) -> pl.DataFrame:
    """Add `declared` and `known`; language is the identified one where none is declared."""
    none = pl.col("language") == UNDETERMINED
    rows = documents.with_columns(pl.col("language").replace(dict(lid_codes())))
    rows = rows.with_columns(pl.when(~none).then("language").alias("declared"))
    if rows["declared"].has_nulls():
        asked = rows.filter(none)["text"]
        found = identifier.predict(asked).select(pl.col("labels").list.first()).to_series()
        rows = pl.concat(
            [rows.filter(~none), rows.filter(none).with_columns(found.fill_null(UNDETERMINED).alias("language"))]
        ).sort("line", maintain_order=True)
    known = [code for code in rows["language"].unique() if _is_known(code)]
    return rows.with_columns(pl.col("language").is_in(known).alias("known"))


def _is_known(code: str) -> bool:
    try:
        any_language(code)
    except UnknownLanguage:
        return False
    return True


def _with_verdicts(identified: pl.DataFrame, judged: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """The identified documents with what the filters said of those that they saw."""
    verdicts = judged.select(
        "document_id", pl.col("kept").alias("judged_kept"), pl.col("reasons").alias("judged"), "quality"
    )
    places = stays.select(
        "document_id", pl.int_range(pl.len(), dtype=pl.UInt32).alias("position"), size=pl.col("text").str.len_bytes()
    )
    joined = identified.join(verdicts, on="document_id", how="left", maintain_order="left").join(
        places, on="document_id", how="left", maintain_order="left"
    )
    return joined.with_columns(
        pl.coalesce("judged_kept", "kept").alias("kept"), pl.coalesce("judged", "reasons").alias("reasons")
    )
