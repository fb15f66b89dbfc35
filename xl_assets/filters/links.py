"""Links between documents that are duplicates: equal keys, shared bands, and the check of what they promise."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from xl_assets.filters.components import connected
from xl_assets.filters.sketches import DuplicateSettings, SketchError, Sketches
from xl_assets.filters.texts import Texts
from xl_assets.languages import any_language
from xl_assets.native.minhash import Shingles, jaccard, unique_shingles

Pairs = NDArray[np.int64]

#: Document ids to a frame, or frames in any order, with the columns document_id and text.
Fetch = Callable[[pl.Series], pl.DataFrame | Iterable[pl.DataFrame]]

#: Characters whose n-grams are compared at once; bounds memory to about 300 MB.
_AT_ONCE = 16_000_000

_NO_TEXTS = pl.DataFrame(
    schema={"document_id": pl.String, "group": pl.Int64, "number": pl.Int64, "language": pl.String, "text": pl.String}
)

#: A document costs something beside its characters.
_A_DOCUMENT = 200


def exact_links(sketches: Sketches) -> Pairs:
    """Pairs of documents with the same exact key: the first of each group with each other one."""
    first, _, other = _groups(sketches.column("exact"), sketches.places)
    return np.column_stack([first, other])


def candidate_links(sketches: Sketches, settings: DuplicateSettings, leave_out: NDArray[np.int64]) -> Pairs:
    """Pairs of documents that share a band key.

    Of a bucket's members not every pair is compared: each with the first and with its neighbour, so that
    work stays linear; the components are the same unless similarity is far from transitive. The first, and who is
    whose neighbour, follows from the ids, never from the order of rows.

    Args:
        sketches: of all documents.
        settings: how many bands there are.
        leave_out: documents without links, exact duplicates for instance.
    """
    pairs = np.empty((0, 2), dtype=np.int64)
    for name in settings.band_columns:
        keys = sketches.column(name)
        keys[leave_out] = 0
        first, before, other = _groups(keys, sketches.places)
        pairs = _unique(np.concatenate([pairs, np.column_stack([first, other]), np.column_stack([before, other])]))
    return pairs


def verified_links(pairs: Pairs, sketches: Sketches, fetch: Fetch, settings: DuplicateSettings) -> Pairs:
    """The pairs whose texts have enough n-grams in common.

    Args:
        pairs: of document numbers.
        sketches: of all documents.
        fetch: gives the texts of the documents in the pairs; called once. If it gives one frame, that stays in
            memory; frames of an iterable that are more than 16 million characters are written to a temporary
            folder, in groups of about as many in which every pair finds both texts, and read one group at a time.
        settings: n-grams and threshold.

    Raises:
        SketchError: `fetch` left a text out.
    """
    if not len(pairs):
        return pairs
    pairs, group = _grouped(pairs, sketches)
    wanted = pl.DataFrame({"number": pairs.ravel(), "group": group.repeat(2)}).unique().sort("group", "number")
    numbers = np.unique(pairs)
    known = sketches.rows(numbers, "document_id", "language").with_columns(pl.Series("number", numbers))
    found = []
    for number, texts in _texts(known.join(wanted, on="number"), fetch(known["document_id"])):
        begin, end = np.searchsorted(group, (number, number + 1))
        found.append(_similar(pairs[begin:end], texts, settings))
    return np.concatenate(found)


def _groups(
    keys: NDArray[np.uint64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each document whose key an earlier one has: the first of these, the one before it, and itself."""
    rows = np.argsort(keys)
    ascending = keys[rows]
    again = np.zeros(len(keys) + 1, dtype=bool)
    again[1:-1] = (ascending[1:] == ascending[:-1]) & (ascending[1:] != 0)
    members = rows[again[:-1] | again[1:]]
    members = members[np.lexsort((places[members], keys[members]))]
    shared = keys[members]
    later = np.flatnonzero(np.append(False, shared[1:] == shared[:-1])[: len(shared)])
    first = members[np.searchsorted(shared, shared[later])]
    return first, members[later - 1], members[later]


def _unique(pairs: Pairs) -> Pairs:
    """Each pair once; as one number a pair this is much faster than by rows. Numbers stay below 2^32."""
    pairs = pairs[pairs[:, 0] != pairs[:, 1]].astype(np.uint64)
    codes = np.unique((pairs[:, 0] << np.uint64(32)) | pairs[:, 1])
    return np.column_stack([codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)]).astype(np.int64)


def _grouped(pairs: Pairs, sketches: Sketches) -> tuple[Pairs, NDArray[np.int64]]:
    """The pairs in another order, and the group of each: what hangs together lies together, so few texts are in two."""
    numbers, places = np.unique(pairs, return_inverse=True)
    places = places.reshape(pairs.shape)
    together = connected(len(numbers), places)
    by_component = np.lexsort((pairs[:, 1], pairs[:, 0], together[places[:, 0]]))
    pairs, places = pairs[by_component], places[by_component]
    length = sketches.rows(numbers, "length")["length"].to_numpy() + _A_DOCUMENT
    # Counted anew in each pair but for a left one that stays the same: a text that many pairs share can be in
    # many groups, and no group may outgrow memory for it.
    again = np.append(False, places[1:, 0] == places[:-1, 0])
    cost = length[places[:, 1]] + np.where(again, 0, length[places[:, 0]])
    return pairs, (np.cumsum(cost) // _AT_ONCE).astype(np.int64)


def _texts(wanted: pl.DataFrame, fetched: pl.DataFrame | Iterable[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Group by group the columns number, language and text."""
    groups = {group: part for (group,), part in wanted.partition_by("group", as_dict=True).items()}
    if len(groups) == 1 and not isinstance(fetched, pl.DataFrame):
        fetched = pl.concat([_NO_TEXTS, *(_wanted_texts(wanted, frame) for frame in fetched)])
    if isinstance(fetched, pl.DataFrame):
        yield from ((group, _complete(part, _wanted_texts(part, fetched))) for group, part in groups.items())
        return
    with tempfile.TemporaryDirectory(prefix="xl-duplicates-") as folder:
        _spill(wanted, fetched, Path(folder))
        for group, part in groups.items():
            written = [pl.read_ipc(file) for file in sorted(Path(folder).glob(f"{group}-*.arrow"))]
            yield group, _complete(part, pl.concat([_NO_TEXTS, *written]))


def _wanted_texts(wanted: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    joined = wanted.join(texts.select("document_id", "text"), on="document_id")
    return joined.select(_NO_TEXTS.columns)


def _spill(wanted: pl.DataFrame, fetched: Iterable[pl.DataFrame], folder: Path) -> None:
    """Write the texts into files of one group each; many small frames into few files."""
    waiting: list[pl.DataFrame] = []
    size = files = 0
    for frame in chain(fetched, [None]):
        if frame is not None:
            waiting.append(_wanted_texts(wanted, frame))
            size += int(waiting[-1]["text"].str.len_chars().sum())
        if waiting and (frame is None or size > _AT_ONCE):
            for (number,), part in pl.concat(waiting).partition_by("group", as_dict=True).items():
                part.write_ipc(folder / f"{number}-{files}.arrow")
            waiting, size, files = [], 0, files + 1


def _complete(wanted: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    texts = texts.unique("number", keep="any").sort("number")
    if texts.height < wanted.height:
        missing = wanted.join(texts, on="number", how="anti")["document_id"]
        raise SketchError(
            f"no text for {len(missing)} sketched documents, e.g. {missing[0]!r}: fetch must give every one"
        )
    return texts


def _similar(pairs: Pairs, texts: pl.DataFrame, settings: DuplicateSettings) -> Pairs:
    """Those of a group's pairs that are similar enough."""
    hashes, sizes, numbers = [], [], []
    for (code,), part in texts.partition_by("language", as_dict=True, maintain_order=True).items():
        sets = unique_shingles(Texts(part["text"], any_language(code)).words, settings.words)
        hashes.append(sets.hash)
        sizes.append(np.diff(sets.offsets))
        numbers.append(part["number"].to_numpy())
    every = Shingles(np.concatenate(hashes), np.concatenate([[0], np.cumsum(np.concatenate(sizes))]))
    listed = np.concatenate(numbers)
    ascending = np.argsort(listed)
    places = ascending[np.searchsorted(listed, pairs, sorter=ascending)]
    return pairs[jaccard(every, places) >= settings.jaccard]
