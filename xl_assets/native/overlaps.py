"""Kernels over an index of stretches: which prompt a text holds, where, and how many of its terms are in a list."""

import numpy as np
from numba import njit

from xl_assets.native.matching import _FACTOR, finished, look_up, next_term

# Mostly a text is walked once with the running sums of its last terms in a ring: nothing grows with its length.


@njit(cache=True, nogil=True)
def best_owners(data, bounds, kinds, small, index, owner_bounds, owners, owned, best, common):
    """Find for each text the owner (prompt) of the greatest share of whose different stretches it holds.

    Args:
        data, bounds: the column.
        kinds, small: an `Alphabet`.
        index: `Stretches`.
        owner_bounds, owners: the owners of stretch i are ``owners[owner_bounds[i]:owner_bounds[i + 1]]``.
        owned: how many stretches each owner has.
        best: int32, one per text, filled with the first of the best owners or -1.
        common: int32, filled with how many of its stretches the text holds.
    """
    sizes, powers, keys, ids = index
    ring = np.zeros(sizes[-1] + 1, dtype=np.uint64)
    met = np.full(len(owner_bounds) - 1, -1, dtype=np.int64)
    touched_in = np.full(len(owned), -1, dtype=np.int64)
    counts, touched = np.zeros(len(owned), dtype=np.int32), np.empty(len(owned), dtype=np.int32)
    for text in range(len(bounds) - 1):
        at, term, many = bounds[text], 0, 0
        total = ring[0] = np.uint64(0)
        while True:
            value, _, at = next_term(data, at, bounds[text + 1], kinds, small)
            if value == 0:
                break
            term += 1
            total = total * _FACTOR + value
            ring[term % len(ring)] = total
            for number in range(len(sizes)):
                if sizes[number] > term:
                    break
                key = total - ring[(term - sizes[number]) % len(ring)] * powers[number]
                stretch = look_up(finished(key, sizes[number]), keys, ids)
                if stretch < 0 or met[stretch] == text:
                    continue
                met[stretch] = text
                for place in range(owner_bounds[stretch], owner_bounds[stretch + 1]):
                    owner = owners[place]
                    if touched_in[owner] != text:
                        touched_in[owner], counts[owner], touched[many] = text, 0, owner
                        many += 1
                    counts[owner] += 1
        best[text], common[text] = -1, 0
        for place in range(many):
            owner, leader = touched[place], best[text]
            # Shares of whole numbers, compared without dividing.
            lead = np.int64(counts[owner]) * owned[leader] - np.int64(common[text]) * owned[owner] if leader >= 0 else 1
            if lead > 0 or (lead == 0 and owner < leader):
                best[text], common[text] = owner, counts[owner]


@njit(cache=True, nogil=True)
def best_windows(data, bounds, kinds, small, index, texts, wanted_bounds, wanted, start, end):
    """Find the shortest window, the first of equals, that holds every stretch of an owner which the text holds.

    Args:
        data, bounds, kinds, small, index: as for `best_owners`.
        texts: the texts to look at.
        wanted_bounds, wanted: the stretches of the owner of text i of `texts`, all of one size.
        start, end: int64, one per text of `texts`, filled with code points of the text; 0 where it holds none.
    """
    sizes, powers, keys, ids = index
    ring = np.zeros(sizes[-1] + 1, dtype=np.uint64)
    begins = np.zeros(sizes[-1] + 1, dtype=np.int64)
    look_for = np.full(len(keys), -1, dtype=np.int64)
    inside = np.zeros(len(keys), dtype=np.int64)
    for row in range(len(texts)):
        for place in range(wanted_bounds[row], wanted_bounds[row + 1]):
            look_for[wanted[place]], inside[wanted[place]] = row, 0
        first, last = bounds[texts[row]], bounds[texts[row] + 1]
        found, begin, stop = np.empty(64, dtype=np.int32), np.empty(64, dtype=np.int64), np.empty(64, dtype=np.int64)
        at, term, many = first, 0, 0
        total = ring[0] = np.uint64(0)
        while True:
            value, begins[term % len(ring)], at = next_term(data, at, last, kinds, small)
            if value == 0:
                break
            term += 1
            total = total * _FACTOR + value
            ring[term % len(ring)] = total
            for number in range(len(sizes)):
                if sizes[number] > term:
                    break
                key = total - ring[(term - sizes[number]) % len(ring)] * powers[number]
                stretch = look_up(finished(key, sizes[number]), keys, ids)
                if stretch < 0 or look_for[stretch] != row:
                    continue
                if many == len(found):
                    found, begin, stop = _longer(found), _longer(begin), _longer(stop)
                found[many], stop[many] = stretch, at
                begin[many] = begins[(term - sizes[number]) % len(ring)]
                many += 1
        start[row], end[row] = _shortest(found[:many], begin, stop, inside)
        start[row], end[row] = _points(data, first, start[row]), _points(data, first, end[row])


@njit(cache=True, nogil=True)
def list_coverage(data, bounds, kinds, small, index, terms, matches, covered):
    """Count for each text its terms, those at which a stretch of the index ends, and those inside of one."""
    sizes, powers, keys, ids = index
    ring = np.zeros(sizes[-1] + 1, dtype=np.uint64)
    taken = np.zeros(sizes[-1] + 1, dtype=np.bool_)
    for text in range(len(bounds) - 1):
        at, term = bounds[text], 0
        total = ring[0] = np.uint64(0)
        matches[text], covered[text] = 0, 0
        while True:
            value, _, at = next_term(data, at, bounds[text + 1], kinds, small)
            if value == 0:
                break
            term += 1
            total = total * _FACTOR + value
            ring[term % len(ring)], taken[term % len(ring)] = total, False
            longest = 0
            for number in range(len(sizes)):
                if sizes[number] > term:
                    break
                key = total - ring[(term - sizes[number]) % len(ring)] * powers[number]
                if look_up(finished(key, sizes[number]), keys, ids) >= 0:
                    longest = sizes[number]
            matches[text] += longest > 0
            for back in range(longest):
                place = (term - back) % len(ring)
                covered[text] += not taken[place]
                taken[place] = True
        terms[text] = term


@njit(cache=True, nogil=True)
def _longer(values):
    longer = np.empty(2 * len(values), dtype=values.dtype)
    longer[: len(values)] = values
    return longer


@njit(cache=True, nogil=True)
def _shortest(found, begin, stop, inside):
    """Bytes of the shortest run of finds with all kinds of finds; `inside` is 0 for them before and after."""
    kinds = 0
    for number in range(len(found)):
        kinds += inside[found[number]] == 0
        inside[found[number]] = 1
    inside[found] = 0
    left, missing = 0, kinds
    start = end = np.int64(0)
    for right in range(len(found)):
        missing -= inside[found[right]] == 0
        inside[found[right]] += 1
        while missing == 0 and inside[found[left]] > 1:
            inside[found[left]] -= 1
            left += 1
        if missing == 0 and (end == 0 or stop[right] - begin[left] < end - start):
            start, end = begin[left], stop[right]
    inside[found] = 0
    return start, end


@njit(cache=True, nogil=True)
def _points(data, first, byte):
    """Code points between two bytes of a text."""
    count = 0
    for at in range(first, byte):
        count += (data[at] & 0xC0) != 0x80
    return count
