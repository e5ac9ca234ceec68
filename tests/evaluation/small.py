"""Small experiments on the drawn images, and components of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from wsol.evaluation.build import experiment_from
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment
from wsol.methods._base import methods
from wsol.metrics._base import metrics
from wsol.runs.folder import RunFolder
from wsol.runs.schema import MEASURED
from wsol.settings import compose_settings


def made(*words: str) -> Experiment:
    """The experiment of a command line; without metrics and gallery unless `words` say so."""
    given = {word.partition("=")[0] for word in words}
    plain = [word for word in ("metric=[]", "gallery=0") if word.partition("=")[0] not in given]
    return experiment_from(compose_settings([*plain, *words]))


def ran(experiment: Experiment, runs: Path) -> RunFolder:
    """Run it, or resume it, as the command line would."""
    folder = RunFolder(runs / experiment.folder_name)
    folder.write_manifest(experiment.manifest({}))
    run_local(experiment, folder)
    return folder


def rows(folder: RunFolder) -> dict[str, pa.Table]:
    """By variant key, all columns but the measured ones."""
    return {key: without_measured(table) for key, table in folder.tables().items()}


def without_measured(table: pa.Table) -> pa.Table:
    return table.drop_columns([name for name in MEASURED if name in table.column_names])


def checksums(folder: RunFolder) -> list[tuple[int, tuple[tuple[str, str], ...], str]]:
    """Of each file of rows: its shard, what it holds, and the checksum over all columns but the measured ones."""
    return sorted((footer.shard, footer.work, footer.checksum) for footer in folder.footers())


@contextmanager
def own_components() -> Iterator[None]:
    """Methods and metrics that a test registers in the block are forgotten after it; the package's own stay."""
    try:
        yield
    finally:
        for registry in (methods, metrics):
            for name, member in list(registry._members.items()):
                if not member.__module__.startswith(f"{registry.package}."):
                    del registry._members[name]
