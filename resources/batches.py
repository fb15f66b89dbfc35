"""Reading a partition of a Delta table in batches, in the order of its rows, whatever its size."""

from collections.abc import Iterator, Mapping

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import LocalFileSystem, PyFileSystem


def read_batches(
    table: DeltaTable, values: Mapping[str, str], rows: int, options: Mapping[str, str] | None = None
) -> Iterator[pl.DataFrame]:
    """Yield a partition's rows; at least one frame, so that the columns are known.

    Polars' own batches run ahead of who takes them; here one row group's pages are in memory at a time.

    Args:
        table: at the version to read.
        values: of the partition's column; empty for a table without one.
        rows: most in a batch.
        options: of the object store.
    """
    schema = pl.scan_delta(table, storage_options=dict(options or {})).collect_schema()
    filters = [(column, "=", value) for column, value in values.items()]
    root = table.table_uri
    local = root.startswith("file://") or "://" not in root
    store = LocalFileSystem() if local else PyFileSystem(DeltaStorageHandler(root, dict(options or {})))
    yield pl.DataFrame(schema=schema)
    for uri in sorted(table.file_uris(filters)):
        path = uri.removeprefix("file://") if local else uri.removeprefix(root).lstrip("/")
        with store.open_input_file(path) as stream:
            for batch in pq.ParquetFile(stream, pre_buffer=False).iter_batches(batch_size=rows):
                frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
                whole = frame.with_columns(pl.lit(value).alias(column) for column, value in values.items())
                yield whole.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
