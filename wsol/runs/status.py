"""How far a run is, from what lies in its folder: rows, leases, workers and failures."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wsol.errors import OutputError
from wsol.runs import failures
from wsol.runs.failures import Failure
from wsol.runs.folder import RunFolder
from wsol.runs.footer import Footer
from wsol.runs.leases import WORK, Presence, is_alive, latest_leases, owner_of, presences
from wsol.runs.row_files import row_files

State = Literal["done", "running", "failed", "waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Of a run, for what was last asked of it.

    Attributes
    ----------
    images, images_done : how many there are, and how many have all rows that were asked for.
    states : of each shard.
    workers : those that are alive; gone : those that left their file behind.
    failed : what was given up, shard by shard.
    """

    run: str
    images: int
    images_done: int
    states: Sequence[State]
    workers: Sequence[Presence]
    gone: Sequence[Presence]
    failed: Sequence[Failure]

    @property
    def counts(self) -> Mapping[str, int]:
        """Shards by state."""
        known = Counter(self.states)
        return {state: known[state] for state in ("done", "running", "failed", "waiting")}

    @property
    def complete(self) -> bool:
        return all(state == "done" for state in self.states)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself: all is done, or given up and no worker is left."""
        return all(state in ("done", "failed") for state in self.states) and (self.complete or not self.workers)

    @property
    def rate(self) -> float:
        """Images per second of all workers together, each since it started; 0 where nobody has finished a batch."""
        return sum(one.images / one.seconds for one in self.workers if one.seconds > 0)

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None where there is none."""
        left = self.images - self.images_done
        return left / self.rate if left and self.rate else None if left else 0.0

    @property
    def last_error(self) -> Failure | None:
        return max(self.failed, key=lambda one: one.when, default=None)

    def as_object(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them."""
        last = self.last_error
        return {
            "run": self.run,
            "complete": self.complete,
            "images": self.images,
            "images_done": self.images_done,
            "shards": dict(self.counts),
            "images_per_second": self.rate,
            "seconds_left": self.seconds_left,
            "workers": [
                {"host": one.host, "pid": one.pid, "shards": list(one.shards), "images": one.images}
                for one in self.workers
            ],
            "workers_gone": [{"host": one.host, "pid": one.pid} for one in self.gone],
            "failed": [{"shard": one.shard, "images": list(one.image_ids), "error": one.error} for one in self.failed],
            "last_error": None if last is None else last.error,
        }


def status_of(folder: RunFolder) -> Status:
    """Read it. Raises OutputError for a run whose manifest is damaged, or of a version without what is needed."""
    manifest = folder.manifest
    try:
        shards, images, size = manifest["shards"], manifest["images"], manifest["identity"]["shard_size"]
        asked = manifest["asked"]
        work = frozenset((v, m) for v in asked["variants"] for m in (*asked["protocols"], *asked["metrics"]))
    except (KeyError, TypeError) as error:
        raise OutputError(
            f"{folder.path}/run.json does not say what was asked for; run the same command again"
        ) from error
    now, place = time.time(), folder.path / WORK
    known = presences(place)
    alive = [one for one in known if is_alive(place, one.id, now=now)]
    ids = {one.id for one in alive}
    running = {index for index, (_, lease) in latest_leases(place).items() if owner_of(lease) in ids}
    failed = {one.shard: one for one in failures.read_all(folder.path)}
    footers: dict[int, list[Footer]] = defaultdict(list)
    for file in row_files(folder.path / "rows"):
        footers[file.footer.shard].append(file.footer)
    states: list[State] = []
    images_done = 0
    for index in range(shards):
        count = min(size, images - index * size)
        done = _images_done(footers[index], work, count)
        images_done += done
        if done == count:
            states.append("done")
        elif index in running:
            states.append("running")
        else:
            states.append("failed" if index in failed else "waiting")
    return Status(
        run=folder.name,
        images=images,
        images_done=images_done,
        states=states,
        workers=alive,
        gone=[one for one in known if one.id not in ids],
        failed=[one for index, one in sorted(failed.items()) if states[index] != "done"],
    )


def _images_done(footers: Sequence[Footer], work: frozenset[tuple[str, str]], count: int) -> int:
    """How many of a shard's `count` images have all these (variant, measure) pairs."""
    left = work - {pair for footer in footers if not footer.image_ids for pair in footer.work}
    if not left:
        return count
    there: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for footer in footers:
        for image_id in footer.image_ids:
            there[image_id].update(left.intersection(footer.work))
    return sum(pairs == left for pairs in there.values())
