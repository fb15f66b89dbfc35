"""What is missing, stale or fresh, and why: the staleness report that Dagster's UI lacks for partitions.

A partition is fresh when its record was written by today's code from inputs that still have the content
they had then. Inputs are other tables, and things outside the lake: source files, models, settings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

#: What `outside` answers for an input that it cannot look up: then the record is believed.
UNKNOWN = "?"

State = Literal["missing", "stale", "fresh"]


class Version(Protocol):
    """An input as a record names it; see `resources.lake.TableVersion`."""

    @property
    def table(self) -> str: ...
    @property
    def partition(self) -> str | None: ...
    @property
    def content_hash(self) -> str: ...


class Made(Protocol):
    """The record of a partition; see `resources.lake.Record`."""

    @property
    def content_hash(self) -> str: ...
    @property
    def code_version(self) -> str: ...
    @property
    def inputs(self) -> Sequence[Version]: ...


@dataclass(frozen=True)
class Expected:
    """A partition that should be there, made by this version of the code."""

    table: str
    partition: str | None
    code_version: str


@dataclass(frozen=True)
class Status:
    """The state of a partition and, unless it is fresh, the reasons."""

    table: str
    partition: str | None
    state: State
    reasons: tuple[str, ...] = ()


def freshness(
    expected: Sequence[Expected],
    records: Mapping[tuple[str, str | None], Made],
    outside: Callable[[str, str | None], str],
) -> list[Status]:
    """Judge every expected partition.

    Args:
        expected: in upstream-first order, so that staleness travels down.
        records: (table, partition) -> record in force.
        outside: content hash now of an input that is no table (``source:…``, ``model:…``, ``settings:…``),
            or ``UNKNOWN``.
    """
    judged: dict[tuple[str, str | None], Status] = {}
    for wanted in expected:
        key = (wanted.table, wanted.partition)
        record = records.get(key)
        if record is None:
            judged[key] = Status(*key, "missing", ("never materialised",))
            continue
        reasons = [] if record.code_version == wanted.code_version else ["code or prompts changed"]
        for version in record.inputs:
            if told := _changed(version, records, judged, outside):
                reasons.append(told)
        judged[key] = Status(*key, "stale" if reasons else "fresh", tuple(dict.fromkeys(reasons)))
    return list(judged.values())


def _changed(
    version: Version,
    records: Mapping[tuple[str, str | None], Made],
    judged: Mapping[tuple[str, str | None], Status],
    outside: Callable[[str, str | None], str],
) -> str | None:
    name = f"{version.table}[{version.partition}]" if version.partition else version.table
    if ":" in version.table:
        now = outside(version.table, version.partition)
        return None if now in (UNKNOWN, version.content_hash) else f"{name} changed"
    above = judged.get((version.table, version.partition))
    if above and above.state != "fresh":
        return f"{name} is {above.state}"
    record = records.get((version.table, version.partition))
    return None if record and record.content_hash == version.content_hash else f"{name} changed"
