"""Three stages side by side: images are loaded, the network runs, maps are scored; none waits for another.

The network runs in the caller's thread; loading and scoring have threads of their own. Each stage is at most a few
batches ahead of the next, so memory stays bounded.

Where the network runs on the same cores, the stages take turns instead: its threads wait for each other after every
operation, and each that was put aside for a scoring thread holds up all (MobileNetV2 took eight times as long).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

from wsol.evaluation.profile import Profile

AHEAD = 3  # batches that may be loaded, or wait to be scored, beyond the one in hand

Item = TypeVar("Item")  # what is to be done for one batch
Piece = TypeVar("Piece")  # one image of it, loaded
Part = TypeVar("Part")  # one part of its scores
Result = TypeVar("Result")


class Pipeline(Generic[Item, Piece, Part, Result]):
    """What a batch goes through; see `run`.

    Parameters
    ----------
    load : what loads the images of a batch, one call for each; may run at any time, several at once.
    compute : runs the network on a loaded batch; returns the calls that score it, and how their parts are put together.
    without : the batch without those of its images that raised when they were loaded; it raises where that won't do.
    quiet : whether `compute` would measure times, so that nothing else should run.
    take_turns : `compute` uses all cores itself: nothing runs beside it.
    """

    def __init__(
        self,
        *,
        load: Callable[[Item], Sequence[Callable[[], Piece]]],
        compute: Callable[[Item, list[Piece]], tuple[Sequence[Callable[[], Part]], Callable[[list[Part]], Result]]],
        without: Callable[[Item, Mapping[int, Exception]], Item],
        quiet: Callable[[Item, list[Piece]], bool],
        threads: int,
        take_turns: bool,
        profile: Profile,
    ) -> None:
        self._load, self._compute, self._without, self._quiet = load, compute, without, quiet
        self._threads, self._profile = threads, profile
        self._ahead = 0 if take_turns else AHEAD
        self.failing: Item | None = None  # the batch that raised

    def run(self, items: Iterator[Item]) -> Generator[Result, None, None]:
        """The result of each batch, in order. What a batch raises is raised here, and the batch is `failing` then."""
        loading: deque[tuple[Item, list[Future[Piece]]]] = deque()
        scoring: deque[tuple[Item, list[Future[Part]], Callable[[list[Part]], Result]]] = deque()
        loaders = ThreadPoolExecutor(self._threads, thread_name_prefix="load")
        scorers = ThreadPoolExecutor(self._threads, thread_name_prefix="score")

        def load(count: int) -> None:
            while len(loading) < count and (item := next(items, None)) is not None:
                calls = self._load(item)
                loading.append((item, [loaders.submit(self._profile.timed("load", call)) for call in calls]))

        try:
            load(1 + self._ahead)
            while loading:
                item, futures = loading.popleft()
                with self._blaming(item), self._profile.stage("wait for images"):
                    item, pieces = self._loaded(item, futures)
                if self._quiet(item, pieces):
                    yield from self._finished(scoring, leave=0)
                with self._blaming(item):
                    calls, join = self._compute(item, pieces)
                scoring.append((item, [scorers.submit(self._profile.timed("score", call)) for call in calls], join))
                load(1 + self._ahead)
                yield from self._finished(scoring, leave=self._ahead)
            yield from self._finished(scoring, leave=0)
        finally:
            for pool in (loaders, scorers):
                pool.shutdown(wait=True, cancel_futures=True)

    def _loaded(self, item: Item, futures: Sequence[Future[Piece]]) -> tuple[Item, list[Piece]]:
        """The batch of what could be loaded, and its images."""
        pieces: list[Piece] = []
        lost: dict[int, Exception] = {}
        for place, future in enumerate(futures):
            try:
                pieces.append(future.result())
            except Exception as error:
                lost[place] = error
        return (self._without(item, lost) if lost else item), pieces

    def _finished(
        self, scoring: deque[tuple[Item, list[Future[Part]], Callable[[list[Part]], Result]]], *, leave: int
    ) -> Iterator[Result]:
        """Results at the front of the queue that are there, and those beyond the `leave` that may still wait."""
        while scoring and (len(scoring) > leave or all(future.done() for future in scoring[0][1])):
            item, futures, join = scoring.popleft()
            with self._blaming(item), self._profile.stage("wait for scores"):
                parts = [future.result() for future in futures]
            with self._blaming(item), self._profile.stage("rows"):
                result = join(parts)
            yield result

    @contextmanager
    def _blaming(self, item: Item) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.failing = item
            raise
