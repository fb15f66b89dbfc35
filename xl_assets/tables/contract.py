"""What every table's contract has in common: how a filter's table looks, and the check before a frame is written."""

import polars as pl

from xl_assets.optional import without

# Dataframely can describe tables of SQL databases; importing SQLAlchemy for that takes a seventh of a second.
with without("sqlalchemy"):
    import dataframely as dy


class TableError(ValueError):
    """A frame does not meet its table's contract."""


class Filtered(dy.Schema):
    """Columns of every table that a filter wrote."""

    kept = dy.Bool(nullable=False)
    reasons = dy.List(dy.String(nullable=False), nullable=False)

    @dy.rule()
    def rejected_rows_have_a_reason(cls) -> pl.Expr:
        return pl.col("kept") == (pl.col("reasons").list.len() == 0)


def check_table(frame: pl.DataFrame, schema: type[dy.Schema]) -> pl.DataFrame:
    """Return the frame with the schema's columns in order, or say what breaks the contract.

    Raises:
        TableError: names the table, the broken rules and how many rows break each.
    """
    try:
        return schema.validate(frame.select(list(schema.column_names())), cast=False)
    except (dy.exc.ValidationError, dy.exc.SchemaError, pl.exceptions.ColumnNotFoundError) as error:
        raise TableError(f"table {schema.__name__}: {error}") from error


def empty_table(schema: type[dy.Schema]) -> pl.DataFrame:
    """A frame of the schema without rows."""
    return schema.create_empty()
