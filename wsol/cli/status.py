"""`wsol status`: how far a run is, wherever it runs; from its folder alone, without torch."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from wsol.cli.options import Command
from wsol.progress import duration
from wsol.report.tables.render import print_table
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder
from wsol.runs.status import Status, status_of

DESCRIPTION = """Say how far a run is: its shards, its rate and the time left, its workers and the last error.

  wsol status                 the newest run
  wsol status RUN --watch     again every few seconds, until it has ended
  wsol status RUN --json
"""
EVERY_SECONDS = 2.0


def main(words: Sequence[str]) -> int:
    """Print the status, once or until the run has ended."""
    parser = Command("status", DESCRIPTION, reads=True)
    parser.add_argument("run", nargs="?", default="latest", help="a run folder, the beginning of its name, or latest")
    parser.add_argument("--watch", action="store_true", help="print it again every few seconds until it has ended")
    parser.add_argument("--json", action="store_true", help="print an object, with --watch one per line")
    chosen = parser.read(words)
    folder = open_run(chosen.run, chosen.runs)
    status = _print(folder, as_json=chosen.json, watch=chosen.watch)
    while chosen.watch and not status.ended:
        time.sleep(EVERY_SECONDS)
        status = _print(folder, as_json=chosen.json, watch=True)
    return 0


def _print(folder: RunFolder, *, as_json: bool, watch: bool) -> Status:
    status = status_of(folder)
    if as_json:
        json.dump(status.as_object(), sys.stdout, indent=None if watch else 1)
        print()
    else:
        if watch and sys.stdout.isatty():
            print("\033[2J\033[H", end="")
        _show(status)
    sys.stdout.flush()
    return status


def _show(status: Status) -> None:
    counts = status.counts
    shards = [f"{counts['done']} of {len(status.states)} done"]
    shards += [f"{count} {state}" for state, count in counts.items() if count and state != "done"]
    images = f"{status.images_done} of {status.images} image{'' if status.images == 1 else 's'} done"
    print(f"{status.run}: {images} (shards: {', '.join(shards)})")
    if status.rate and not status.complete:
        left = status.seconds_left
        print(f"{status.rate:.3g} images/s" + (f", about {duration(left)} left" if left else ""))
    rows = [
        {
            "host": one.host,
            "pid": one.pid,
            "shards": ", ".join(str(index + 1) for index in one.shards),
            "images": one.images,
            "images/s": f"{one.images / one.seconds:.3g}" if one.seconds > 0 else "",
        }
        for one in status.workers
    ]
    if rows:
        print_table(rows)
    elif not status.complete:
        print("no worker is running; run the same command to resume")
    for one in status.gone:
        print(f"worker {one.pid} on {one.host} is gone; its shards go to other workers")
    if (last := status.last_error) is not None:
        place = f"shard {last.shard + 1} on {last.host}"
        count = len(status.failed)
        given_up = "1 shard has" if count == 1 else f"{count} shards have"
        print(f"{given_up} images that were given up; last error, in {place}: {last.error}")
