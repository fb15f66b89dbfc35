"""Several sources read at once, their results in the sources' order."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from threading import Condition, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
Read = Callable[[], Iterator[T]]

#: Results of a source that wait for their turn, beside the one that is being made.
AHEAD = 1


def read_in_order(sources: Sequence[Read[T]], readers: int) -> Iterator[T]:
    """Yield what the sources yield: those of the first, then those of the second, and so on.

    With one reader nothing runs ahead. With more, so many threads read as many sources at once, each at most
    ``AHEAD`` results ahead: what is held does not depend on the number or the size of the sources. The order, and
    with it the result, is the same. An error of a source is raised at its turn. The threads end when the iterator
    is closed.

    Args:
        sources: each is called once and iterated in one thread.
        readers: threads.
    """
    if readers <= 1 or len(sources) <= 1:
        for source in sources:
            yield from source()
        return
    channels: list[_Channel[T]] = [_Channel() for _ in sources]
    waiting = deque(zip(sources, channels, strict=True))
    threads = [Thread(target=_work, args=(waiting,), daemon=True) for _ in range(min(readers, len(sources)))]
    try:
        for thread in threads:
            thread.start()
        for channel in channels:
            yield from channel.results()
    finally:
        waiting.clear()
        for channel in channels:
            channel.close()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def _work(waiting: "deque[tuple[Read[T], _Channel[T]]]") -> None:
    while True:
        try:
            source, channel = waiting.popleft()
        except IndexError:
            return
        error: BaseException | None = None
        try:
            results = source()
            for result in results:
                if not channel.put(result):
                    break
        except BaseException as caught:  # it is raised where the results are asked for
            error = caught
        channel.end(error)


class _Channel(Generic[T]):
    """Results on their way from a thread to the one that asks for them."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._results: deque[T] = deque()
        self._ended = self._closed = False
        self._error: BaseException | None = None

    def put(self, result: T) -> bool:
        """Add a result when there is room; False where nobody wants it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._results) < AHEAD or self._closed)
            self._results.append(result)
            self._changed.notify_all()
            return not self._closed

    def end(self, error: BaseException | None) -> None:
        """There are no more."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """No more are wanted."""
        with self._changed:
            self._closed = True
            self._results.clear()
            self._changed.notify_all()

    def results(self) -> Iterator[T]:
        """Take the results as they come.

        Raises:
            BaseException: what the source raised, after its results.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._results or self._ended)
                if not self._results:
                    break
                result = self._results.popleft()
                self._changed.notify_all()
            yield result
        if self._error is not None:
            raise self._error
