"""An array job of Slurm: each task is a worker that takes shards; this process submits them, watches, and collects."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.errors import ConfigError, RowsFailed, first_line
from wsol.evaluation.engines.local import ROUNDS, prepare, raise_failures
from wsol.evaluation.engines.part import Part
from wsol.evaluation.stopping import stop_on_signals
from wsol.progress import Progress
from wsol.runs.leases import WORK, presences
from wsol.settings import choices

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.evaluation.profile import Profile
    from wsol.runs.folder import RunFolder
    from wsol.settings.engines.slurm import Slurm
    from wsol.settings.records import Engine

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
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
    RowsFailed : some batches could not be computed; all others are there.
    """
    own = cast("Slurm", engine)
    shards = Part.parse(own.part).take(experiment.shards)
    for _ in range(ROUNDS):
        with stop_on_signals():
            left = prepare(experiment, folder, shards)
            if not left:
                return
            count = min(own.workers or 1, len(left))
            executor = _executor(folder.path, own)
            with executor.batch():
                jobs = [executor.submit(Task(task_words(settings, folder, own, n, count))) for n in range(count)]
            log.info("submitted %d tasks, first %s; logs in %s", count, jobs[0].job_id, folder.path / LOGS)
            _watch(jobs, folder, sum(len(shard.image_ids) for shard in left))
        for job in jobs:
            if (error := job.exception()) is not None:
                log.warning("task %s: %s", job.job_id, first_line(error))
        if raise_failures(experiment, folder, left) == 0:
            return
    raise RowsFailed(f"tasks end before their work is done; see the logs in {folder.path / LOGS}")


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


def _executor(run: Path, engine: Slurm) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise _missing() from error
    try:
        executor = submitit.AutoExecutor(folder=run / LOGS, cluster=engine.cluster)
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


def task_words(settings: Mapping[str, Any], folder: RunFolder, engine: Slurm, number: int, of: int) -> dict[str, Any]:
    """What a task is told; see `wsol.evaluation.engines.worker.work`."""
    sources = choices.sources()
    common = {name: value for name, value in settings["engine"].items() if name in choices.content("engine", "local")}
    return {
        "settings": {**settings, "engine": {**common, "name": "local"}},
        "folder": str(folder.path.resolve()),
        "part": str(Part.parse(engine.part)),
        "files": list(sources.files),
        "folders": [str(one) for one in sources.folders],
        "number": number,
        "of": of,
        "threads": engine.threads or engine.cpus,
        "network_threads": engine.cpus,
        "device": engine.numerics_device,
    }


def _watch(jobs: Sequence[Any], folder: RunFolder, total: int) -> None:
    """Until all tasks have ended; cancels them where this process is stopped."""
    images: dict[str, int] = {}
    try:
        with Progress({0: (total, 1.0)}, what=folder.name) as progress:
            while not all(job.done() for job in jobs):
                before = sum(images.values())
                images |= {one.id: max(one.images, images.get(one.id, 0)) for one in presences(folder.path / WORK)}
                if new := min(sum(images.values()), total) - min(before, total):
                    progress.advance(0, new)
                time.sleep(POLL_SECONDS)
    except BaseException:
        for job in jobs:
            job.cancel()
        raise


def _missing() -> ConfigError:
    return ConfigError("engine=slurm needs submitit: pip install 'wsol[slurm]'")
