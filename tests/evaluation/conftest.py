"""A module's experiment, made of its `WORDS`, and the rows of one clean run of it; a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.small import made, ran
from wsol.evaluation.experiment import Experiment
from wsol.runs.folder import RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def experiment(request: pytest.FixtureRequest) -> Experiment:
    """What the module's `WORDS` choose."""
    return made(*request.module.WORDS)


@pytest.fixture(scope="module")
def clean(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """One run of the experiment that nothing disturbs."""
    return ran(experiment, tmp_path_factory.mktemp("clean"))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The head of a Ray cluster, without room for work; `joined` adds nodes."""
    pytest.importorskip("ray", reason="Ray is not installed (extra ray)")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # of the nodes' workers
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DISABLE_MEMORY_MONITOR", "1")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 80 * 2**20})
    yield made
    made.shutdown()


def joined(cluster: Any) -> Any:
    """A new node of a cluster, with one core."""
    return cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
