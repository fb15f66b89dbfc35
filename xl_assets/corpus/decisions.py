"""What became of each record: the columns of ``decisions.parquet`` and of the documents that stay."""

import polars as pl

from xl_assets.seeds.readers import UNDETERMINED

#: One row for each record that was read, in the order of the inputs.
#:
#: source: input file; line: of the file, or row of a Parquet file, from 1 (null for a break between two lines);
#: id: of the document, null where a line could not become one; language_declared: by the caller or the record
#: itself; language, language_score: what was identified and its probability; cluster: of duplicates, null where an
#: earlier rule rejected the record.
DECISION = pl.Schema(
    {
        "source": pl.String(),
        "line": pl.Int64(),
        "id": pl.String(),
        "language_declared": pl.String(),
        "language": pl.String(),
        "language_score": pl.Float64(),
        "kept": pl.Boolean(),
        "reasons": pl.List(pl.String()),
        "cluster": pl.String(),
    }
)

#: Columns of a batch's decisions beside those of ``DECISION``: the row among the batch's documents that stay, and
#: the bytes of its text, null where it does not stay; and its quality score, null without one.
WORK = pl.Schema({"position": pl.UInt32(), "size": pl.Int64(), "quality": pl.Float64()})

_EVERY = pl.Schema([*DECISION.items(), *WORK.items()])

#: Columns of a document that stays. Names are such that the files can be read as a seed corpus again.
DOCUMENT = {
    "id": "document_id",
    **{name: name for name in ("language", "text", "source_id", "url", "source", "license", "file", "line")},
    **{name: name for name in ("language_score", "redactions")},
}


def decided(documents: pl.DataFrame) -> pl.DataFrame:
    """Documents to rows of ``DECISION`` and ``WORK``.

    Args:
        documents: `file`, `line`, `document_id`, `declared`, `lid_language`, `lid_score`, `kept`, `reasons` and the
            columns of ``WORK``.
    """
    told = {
        "source": "file",
        "line": "line",
        "id": "document_id",
        "language_declared": "declared",
        "language": "lid_language",
        "language_score": "lid_score",
        **{name: name for name in ("kept", "reasons", *WORK)},
    }
    found = documents.select(pl.col(theirs).alias(ours) for ours, theirs in told.items())
    rows = found.with_columns(pl.lit(None, dtype=pl.String).alias("cluster")).select(*DECISION, *WORK)
    return rows.cast(_EVERY)


def quarantined_decisions(quarantined: pl.DataFrame) -> pl.DataFrame:
    """Quarantined lines to rows of ``DECISION`` and ``WORK``."""
    empty = {name: pl.lit(None, dtype=dtype).alias(name) for name, dtype in _EVERY.items()}
    told = {
        "source": pl.col("file").alias("source"),
        "line": pl.col("line"),
        "language_declared": pl.when(pl.col("language") != UNDETERMINED).then("language").alias("language_declared"),
        "kept": pl.lit(False).alias("kept"),
        "reasons": pl.concat_list("reason").alias("reasons"),
    }
    return quarantined.select(list((empty | told).values()))
