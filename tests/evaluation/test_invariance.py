"""How a run is cut into batches, shards and threads decides no row.

Threads and shards move no bit. The batch size moves the last bits of the network's own numbers (its libraries sum in
another order); boxes and hits of all protocols that quantize or threshold once are equal all the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tests.evaluation.small import made, ran, rows

WORDS = (
    "dataset.n=6",
    "model=shapes_gap",
    "method=[fullbox,gradcam,layercam,smoothgrad]",
    "methods.layercam.layers=[stage2,stage5]",
    "methods.smoothgrad.samples=2",
    "protocol=[choe2020_v1,choe2020_v2,gradcam2017,psol2020,exact]",
    "metric=[pointing,drop]",
)
BOXES = ("choe2020_v1/", "choe2020_v2/", "gradcam2017/", "psol2020/")
ROUNDING = 1e-5  # relative, of float32 sums over a few hundred cells


def tables(runs: Path, *words: str) -> dict[str, pa.Table]:
    return rows(ran(made(*WORDS, *words), runs))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return tables(tmp_path_factory.mktemp("base"), "engine.batch_size=2", "engine.threads=2", "engine.shard_size=200")


@pytest.mark.full
@pytest.mark.parametrize("words", [("engine.threads=5",), ("engine.threads=1", "engine.shard_size=4")])
def test_threads_and_shards_move_no_bit(words: tuple[str, ...], base: dict[str, pa.Table], tmp_path: Path) -> None:
    assert tables(tmp_path, "engine.batch_size=2", *words) == base


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("words", [("engine.batch_size=1",), ("engine.batch_size=6", "engine.chunk=5")])
def test_the_batch_size_moves_no_box(words: tuple[str, ...], base: dict[str, pa.Table], tmp_path: Path) -> None:
    other = tables(tmp_path, *words)
    assert other.keys() == base.keys()
    for key, table in base.items():
        assert other[key].column_names == table.column_names
        for name in table.column_names:
            found, expected = other[key][name], table[name]
            if name.startswith("exact/") or name == "map_digest":
                continue
            if not name.startswith(BOXES) and pa.types.is_floating(expected.type):
                np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), ROUNDING, ROUNDING, err_msg=name)
            else:
                assert found == expected, (key, name)
        assert distance(other[key], table) < ROUNDING, key


def distance(one: pa.Table, other: pa.Table) -> float:
    """The largest mean difference over tau between the IoU curves that two tables have of an image.

    Curves of float maps have a step at each value of the map, and so know its last bits.
    """
    columns = [t[f"exact/{name}"].to_pylist() for name in ("breaks", "iou") for t in (one, other)]
    apart = []
    for breaks_a, breaks_b, iou_a, iou_b in zip(*columns, strict=True):
        taus = np.union1d(breaks_a, breaks_b)
        apart.append(np.abs(at(breaks_a, iou_a, taus) - at(breaks_b, iou_b, taus)) @ np.diff(np.append(taus, 1)))
    return float(max(apart))


def at(breaks: list[float], values: list[float], taus: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values)[np.searchsorted(breaks, taus, side="right") - 1]
