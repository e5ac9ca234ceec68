"""Every method and every metric gives the same rows, to the last bit, whoever computes them and however often it stops.

Workers, shards, their order, an interruption and the engine move no column but the measured ones.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from tests.evaluation.small import made, ran, rows
from wsol.cli import main
from wsol.evaluation.batches import Batch
from wsol.evaluation.engines.shift import Shift
from wsol.evaluation.shard import evaluate
from wsol.evaluation.stopping import Stopped
from wsol.methods._base import methods
from wsol.metrics._base import metrics
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder
from wsol.runs.leases import Worker

N, BATCH = 4, 2
PLAIN = (f"dataset.n={N}", "protocol=[choe2020_v2,exact]", "gallery=0", f"engine.batch_size={BATCH}")
METHODS = methods.packaged()
SLURM = ("engine=slurm", "engine.cluster=local", "engine.gpus=0", "engine.cpus=1")


def methods_on(network: str) -> list[str]:
    """The methods that a network has what it takes for."""
    needs = {key: cls.info.needs for key, cls in METHODS.items()}
    if network == "shapes_acol":
        return [key for key, needed in needs.items() if "branches" in needed]
    if network == "shapes_tscam":  # whose logits are the mean of a map, as no other method needs
        return ["tscam"]
    if network == "shapes_vit":
        return [key for key, needed in needs.items() if "attention" in needed and key != "tscam"]
    wanted = {"branches", "attention"} | ({"head"} if network == "shapes_vgg" else set())
    return [key for key, needed in needs.items() if not wanted & needed]


def chosen(keys: Sequence[str]) -> tuple[str, ...]:
    """These methods, with the options under which they take few passes."""
    quick = [f"methods.{key}.{name}={value}" for key in keys for name, value in METHODS[key].info.quick.items()]
    return (f"method=[{','.join(keys)}]", *quick)


RANDOM = ("randomcam", "shapcam", "smoothgrad")  # in the default tests
NETWORKS = ("shapes_gap", "shapes_vgg", "shapes_vit", "shapes_tscam", "shapes_acol")
CASES = {
    "random": ("model=shapes_gap", *chosen(RANDOM), "metric=[]"),
    **{name: (f"model={name}", *chosen(methods_on(name)), "metric=[]") for name in NETWORKS},
    "metrics": ("model=shapes_gap", "method=[gradcam]", f"metric=[{','.join(metrics.packaged())}]"),
}


def in_other_shards_from_the_last_on(words: Sequence[str], runs: Path) -> RunFolder:
    experiment = made(*words, "engine.shard_size=2", "engine.threads=1")
    folder = RunFolder(runs / experiment.folder_name)
    with Worker(folder.path) as worker:
        Shift(experiment, folder, experiment.shards[::-1], worker).run()
    return folder


def stopped_and_resumed(words: Sequence[str], runs: Path) -> RunFolder:
    def stop(batch: Batch) -> None:
        raise Stopped(signal.SIGTERM)

    experiment = made(*words)
    folder = RunFolder(runs / experiment.folder_name)
    with pytest.raises(Stopped):
        evaluate(experiment, experiment.shards, folder, on_batch=stop)
    assert [len(footer.image_ids) for footer in folder.footers()] == [BATCH]
    return ran(made(*words), runs)


def by_two_workers(words: Sequence[str], runs: Path) -> RunFolder:
    return by_command(words, runs, "engine.workers=2")


def by_tasks_of_an_array(words: Sequence[str], runs: Path) -> RunFolder:
    pytest.importorskip("submitit", reason="submitit is not installed (extra slurm)")
    return by_command(words, runs, *SLURM, "engine.workers=2", f"engine.batch_size={BATCH}")


def by_command(words: Sequence[str], runs: Path, *engine: str) -> RunFolder:
    assert main(["run", *words, *engine, "engine.shard_size=2", "table=false", f"paths.runs={runs}"]) == 0
    return open_run("latest", runs)


WAYS = (in_other_shards_from_the_last_on, stopped_and_resumed, by_two_workers, by_tasks_of_an_array)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, pa.Table]]:
    """The rows of a case from one process, by variant; made when they are first asked for."""
    known: dict[str, dict[str, pa.Table]] = {}

    def rows_of(case: str) -> dict[str, pa.Table]:
        if case not in known:
            folder = ran(made(*PLAIN, *CASES[case]), tmp_path_factory.mktemp(case))
            known[case] = rows(folder)
            for key, table in known[case].items():
                assert table["error"].null_count == N, (key, table["error"].to_pylist())
        return known[case]

    return rows_of


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_rows_are_the_same_to_the_last_bit(
    case: str,
    way: Callable[[Sequence[str], Path], RunFolder],
    clean: Callable[[str], dict[str, pa.Table]],
    tmp_path: Path,
) -> None:
    found, expected = rows(way([*PLAIN, *CASES[case]], tmp_path)), clean(case)
    assert found.keys() == expected.keys()
    for key, table in expected.items():
        assert [name for name in table.column_names if found[key][name] != table[name]] == [], key
        assert found[key] == table


def test_every_method_is_among_the_cases() -> None:
    assert set().union(*map(methods_on, NETWORKS)) == set(METHODS)
