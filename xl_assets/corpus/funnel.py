"""What a cleaned corpus came to: records in, kept, and why the rest was not, in all and by language."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from xl_assets.seeds.readers import UNDETERMINED


@dataclass(frozen=True)
class Step:
    """Records in, kept, and rejected by reason. A record with two reasons counts under its first."""

    records: int
    kept: int
    rejected: dict[str, int]


@dataclass(frozen=True)
class Funnel:
    """A corpus' funnel.

    Attributes:
        all: of all records.
        languages: of each language, declared or else identified.
        broken: files that break off: source and reason.
    """

    all: Step
    languages: dict[str, Step]
    broken: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        languages = {name: asdict(step) for name, step in self.languages.items()}
        return {**asdict(self.all), "languages": languages, "broken_files": self.broken}


def funnel_of(decisions: Path) -> Funnel:
    """Count the decisions of a cleaned corpus, in one pass over the file."""
    language = pl.coalesce("language_declared", "language", pl.lit(UNDETERMINED)).alias("group")
    counts = (
        pl.scan_parquet(decisions)
        .select(language, pl.col("reasons").list.first().alias("reason"))
        .group_by("group", "reason")
        .agg(pl.len().alias("rows"))
        .collect()
        .sort("group", "reason")
    )
    broken = (
        pl.scan_parquet(decisions)
        .filter(pl.col("id").is_null() & pl.col("reasons").list.first().is_in(["truncated", "corrupt"]))
        .select("source", pl.col("reasons").list.first())
        .collect()
    )
    parts = counts.partition_by("group", as_dict=True, maintain_order=True)
    return Funnel(_step(counts), {group: _step(part) for (group,), part in parts.items()}, dict(broken.rows()))


def _step(counts: pl.DataFrame) -> Step:
    by_reason = counts.group_by("reason").agg(pl.col("rows").sum()).sort("rows", "reason", descending=[True, False])
    rejected = {reason: rows for reason, rows in by_reason.rows() if reason is not None}
    total = int(counts["rows"].sum())
    return Step(total, total - sum(rejected.values()), rejected)
