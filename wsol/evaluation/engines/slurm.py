"""An array job of Slurm: each task is a worker that takes shards; this process submits them, watches, and collects."""

from __future__ import annotations

import logging
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.errors import ConfigError, OutputError, RowsFailed, first_line
from wsol.evaluation.engines.instructions import for_other_machines
from wsol.evaluation.engines.part import Part
from wsol.evaluation.engines.rounds import run_rounds
from wsol.evaluation.engines.watching import Watch

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder
    from wsol.runs.shards import Shard
    from wsol.settings.engines.slurm import Slurm
    from wsol.settings.records import Engine

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
QUEUE_SECONDS = 20.0  # between questions to squeue
LOGS = "slurm"  # of the folder in a run folder with scripts and logs
SIGNAL_SECONDS = 120  # before a task is ended, in which it writes its rows and asks to be requeued


class Task:
    """What one task of the array does; submitit sends it to the cluster, and again when it was pre-empted."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        self.words = words

    def __call__(self) -> None:
        from wsol.evaluation.engines.worker import work

        work(self.words)

    def checkpoint(self) -> Any:
        """The same again: what is done is on the disk."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(Task(self.words))


def run(
    experiment: Experiment,
    folder: RunFolder,
    settings: Mapping[str, Any],
    engine: Engine,
    *,
    profile: Profile | None = None,
) -> None:
    """Submit an array, and wait until every shard is complete or given up; Ctrl-C cancels the tasks.

    Raises
    ------
    ConfigError : submitit is not installed, or there is no Slurm here.
    OutputError : the tasks can't be written to the folder.
    RowsFailed : some batches could not be computed; all others are there.
    """
    own = cast("Slurm", engine)
    shards = Part.parse(own.part).take(experiment.shards)

    def work(left: Sequence[Shard]) -> None:
        count = min(own.workers or 1, len(left))
        place = folder.path / LOGS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
        executor = _executor(place, own)
        try:
            with executor.batch():
                jobs = [
                    executor.submit(Task(for_other_machines(settings, folder, own, own.cpus, n, count)))
                    for n in range(count)
                ]
        except OSError as error:
            raise OutputError(f"can't write {place}: {error.strerror or error}; run the same command again") from error
        log.info("submitted %d tasks, first %s; logs in %s", count, jobs[0].job_id, place)
        _watch(jobs, folder, sum(len(shard.image_ids) for shard in left))
        for job in jobs:
            if (raised := _error(job)) is not None:
                log.warning("task %s: %s", job.job_id, first_line(raised))

    unfinished = RowsFailed(f"tasks end before their work is done; see the logs in {folder.path / LOGS}")
    run_rounds(experiment, folder, shards, work, unfinished=unfinished)


def script(folder: Path, engine: Engine) -> str:
    """The script that `run` would submit. Raises ConfigError where submitit is not installed."""
    own = cast("Slurm", engine)
    try:
        from submitit.slurm.slurm import _make_sbatch_string
    except ImportError as error:
        raise _missing() from error
    options = _options(own)
    text: str = _make_sbatch_string(
        command="python -m submitit.core._submit " + str(folder / LOGS),
        folder=folder / LOGS,
        job_name=options["name"],
        map_count=own.workers or 1,
        time=own.minutes,
        mem=f"{own.memory}GB",
        signal_delay_s=SIGNAL_SECONDS,
        **{name.removeprefix("slurm_"): value for name, value in options.items() if name in SAME},
    )
    return text


SAME = ("cpus_per_task", "gpus_per_node", "slurm_partition", "slurm_account")  # in submitit's two ways to say it


def _executor(place: Path, engine: Slurm) -> Any:
    """What submits; it keeps pickles in a new folder, since it reads those of its tasks there, and no others."""
    try:
        import submitit
    except ImportError as error:
        raise _missing() from error
    try:
        executor = submitit.AutoExecutor(folder=place, cluster=engine.cluster)
    except RuntimeError as error:
        raise ConfigError(f"engine=slurm: {error}; engine.cluster=local tries it on this machine") from error
    executor.update_parameters(
        **_options(engine),
        timeout_min=engine.minutes,
        mem_gb=engine.memory,
        slurm_signal_delay_s=SIGNAL_SECONDS,
        slurm_array_parallelism=engine.workers or 1,
    )
    return executor


def _options(engine: Slurm) -> dict[str, Any]:
    given = {"slurm_partition": engine.partition, "slurm_account": engine.account}
    options: dict[str, Any] = {"name": "wsol", "cpus_per_task": engine.cpus}
    if engine.gpus and engine.cluster == "slurm":
        options["gpus_per_node"] = engine.gpus
    return options | {name: value for name, value in given.items() if value is not None}


def _watch(jobs: Sequence[Any], folder: RunFolder, total: int) -> None:
    """Until all tasks have ended, or nothing is left for those that have not; cancels them then, and where it stops."""
    queue = Queue(jobs[0].job_id.partition("_")[0])
    try:
        with Watch(folder, total) as watch:
            while waiting := [job for job in jobs if not (_has_result(job) or job.done() or queue.lacks(job.job_id))]:
                watch.look()
                if any(_has_result(job) and _error(job) is None for job in jobs if job not in waiting):
                    watch.finished()
                if watch.is_over:
                    break
                time.sleep(POLL_SECONDS)
            watch.look()
    finally:
        for job in jobs:
            if not _has_result(job):
                job.cancel(check=False)


class Queue:
    """Which tasks of an array Slurm knows: clusters without accounting have nothing else that says how a task ended."""

    def __init__(self, array: str) -> None:
        self.array = array
        self._asked = time.monotonic()
        self._known: set[str] | None = None

    def lacks(self, task: str) -> bool:
        """Whether a task is neither waiting nor running; False where squeue can't be asked."""
        if time.monotonic() - self._asked > QUEUE_SECONDS:
            self._asked, self._known = time.monotonic(), self._tasks()
        return self._known is not None and task not in self._known

    def _tasks(self) -> set[str] | None:
        words = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={self.array}"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            return set() if "Invalid job id" in done.stderr else None  # it forgets an array some minutes after its end
        return set(done.stdout.split())


def _has_result(job: Any) -> bool:
    return bool(job.paths.result_pickle.exists())


def _error(job: Any) -> BaseException | None:
    """What a task raised; None where it ended well, was cancelled, or was killed and left no word."""
    if not _has_result(job):
        return None
    try:
        return cast("BaseException | None", job.exception())
    except OSError as error:  # the folder was deleted a moment ago
        return error


def _missing() -> ConfigError:
    return ConfigError("engine=slurm needs submitit: pip install 'wsol[slurm]'")
