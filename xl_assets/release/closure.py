"""Which table versions a release was really made of: its final records, and backwards all that they read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class ManifestError(ValueError):
    """A manifest that cannot be made, or one that is not what it says; the message names the remedy."""


class InputVersion(Protocol):
    """What a record says it read; see `resources.lake.TableVersion`.

    `table` is a table's name, or ``kind:name`` of something outside the lake (``source:``, ``model:``,
    ``settings:``), of which only the content hash is known.
    """

    @property
    def table(self) -> str: ...
    @property
    def partition(self) -> str | None: ...
    @property
    def version(self) -> int: ...
    @property
    def content_hash(self) -> str: ...


class TableRecord(Protocol):
    """What the commit of a table's partition says of itself; see `resources.lake.Record`."""

    @property
    def table(self) -> str: ...
    @property
    def partition(self) -> str | None: ...
    @property
    def version(self) -> int: ...
    @property
    def content_hash(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def code_version(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def inputs(self) -> Sequence[InputVersion]: ...
    @property
    def facts(self) -> Mapping[str, object]: ...


#: (table, partition, version) -> the record of exactly that version, or None where there is none.
Lookup = Callable[[str, str | None, int], TableRecord | None]

#: (table, partition, version, content hash) that was read -> another record of that content to take, or None.
StandIn = Callable[[str, str | None, int, str], TableRecord | None]

Address = tuple[str, str, int]


@dataclass(frozen=True)
class Closure:
    """All that a release was made of.

    Attributes:
        records: every table version, upstream first; of equals by name, partition and version.
        outside: (kind and name, partition, content hash) of what is no table -> the tables that read it, sorted.
    """

    records: tuple[TableRecord, ...]
    outside: Mapping[tuple[str, str | None, str], tuple[str, ...]] = field(default_factory=dict)

    def mixed(self) -> list[tuple[str, str | None, list[int]]]:
        """Partitions that are in it in more than one version: parts of the release were made from older work."""
        versions: dict[tuple[str, str | None], list[int]] = {}
        for record in self.records:
            versions.setdefault((record.table, record.partition), []).append(record.version)
        found = [(*key, sorted(seen)) for key, seen in versions.items() if len(seen) > 1]
        return sorted(found, key=lambda entry: (entry[0], entry[1] or ""))


def collect_closure(records: Iterable[TableRecord], lookup: Lookup, stand_in: StandIn = lambda *read: None) -> Closure:
    """Follow the inputs of records back to where nothing more was read.

    Args:
        records: the release's final records.
        lookup: finds the record of an input.
        stand_in: finds another record that counts as the one that was read. A table that was made anew, by other
            settings or from other rows, and came out the same makes nothing stale that read it: then the newer record
            is the one that agrees with everything else in the release.

    Raises:
        ManifestError: an input's record is gone, has another content hash than was read, or is its own ancestor.
    """
    found: dict[Address, TableRecord] = {}
    parents: dict[Address, set[Address]] = {}
    outside: dict[tuple[str, str | None, str], set[str]] = {}
    waiting = list(records)
    while waiting:
        record = waiting.pop()
        if _address(record) in found:
            continue
        found[_address(record)] = record
        for read in record.inputs:
            if ":" in read.table:
                outside.setdefault((read.table, read.partition, read.content_hash), set()).add(name_of(record))
        tables = [read for read in record.inputs if ":" not in read.table]
        taken = [
            stand_in(read.table, read.partition, read.version, read.content_hash) or _looked_up(read, record, lookup)
            for read in tables
        ]
        parents[_address(record)] = {_address(parent) for parent in taken}
        waiting += taken
    ordered = tuple(found[address] for address in _upstream_first(parents))
    return Closure(ordered, {key: tuple(sorted(outside[key])) for key in sorted(outside, key=str)})


def name_of(version: TableRecord | InputVersion) -> str:
    """``table`` or ``table[partition]``."""
    return f"{version.table}[{version.partition}]" if version.partition else version.table


def _address(version: TableRecord | InputVersion) -> Address:
    return version.table, version.partition or "", version.version


def _looked_up(read: InputVersion, reader: TableRecord, lookup: Lookup) -> TableRecord:
    what = f"version {read.version} of {name_of(read)}, which {name_of(reader)} was made from,"
    record = lookup(read.table, read.partition, read.version)
    if record is None:
        raise ManifestError(
            f"{what} has no record in the lake any more: its log was cut or the table made anew. "
            f"Materialise {name_of(reader)} again, then the release."
        )
    if record.content_hash != read.content_hash:
        raise ManifestError(
            f"{what} had the content hash {read.content_hash} when it was read and has {record.content_hash} now: "
            f"somebody changed the lake by hand. Materialise {name_of(read)} again, then all that was made from it."
        )
    return record


def _upstream_first(parents: Mapping[Address, set[Address]]) -> list[Address]:
    """By the longest way from a source; equals by name."""
    waiting = dict(parents)
    ordered: list[Address] = []
    while waiting:
        ready = sorted(address for address, left in waiting.items() if not left)
        if not ready:
            loop = ", ".join(sorted({table for table, _, _ in waiting}))
            raise ManifestError(f"the records of {loop} name each other as inputs: the lake's log is damaged")
        ordered += ready
        waiting = {address: left - set(ready) for address, left in waiting.items() if address not in set(ready)}
    return ordered
