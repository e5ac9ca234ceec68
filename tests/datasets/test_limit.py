"""The option `limit` belongs to every dataset: a new one gets it without a line of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.evaluation.small import made, ran, rows
from wsol.datasets import Dataset, Sample, dataset, datasets
from wsol.datasets.formats.shapes import Shapes
from wsol.errors import ConfigError
from wsol.options import build


@pytest.fixture
def grey() -> Iterator[type[Dataset]]:
    @dataset("grey")
    class Grey(Dataset):
        """Five grey images; nothing here knows of a limit."""

        brightness: int = 128

        def read(self) -> Sequence[Sample]:
            return [Sample(f"{n}.png", n % 2, np.array([[0.0, 0, 4, 4]]), (8, 8)) for n in range(5)]

        def image(self, sample: Sample) -> PIL.Image.Image:
            return PIL.Image.new("RGB", sample.size_wh, (self.brightness,) * 3)

    yield Grey
    del datasets._members["grey"]


def test_a_new_dataset_has_a_limit_and_all_defaults(grey: type[Dataset]) -> None:
    whole, first = grey(), build(grey, {"limit": 2}, where="dataset")
    assert [s.image_id for s in first.samples()] == [s.image_id for s in whole.samples()][:2] == ["0.png", "1.png"]
    assert len(grey(limit=9).samples()) == 5
    assert whole.fingerprint() != first.fingerprint()
    assert first.stamp(first.samples()[0]) == first.fingerprint()
    assert (whole.mask(whole.samples()[0]), whole.class_names, whole.num_classes, whole.split) == (None, (), None, "")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused_however_the_dataset_is_made(grey: type[Dataset], limit: int) -> None:
    with pytest.raises(ConfigError, match=rf"dataset\.limit={limit} "):
        grey(limit=limit)
    with pytest.raises(ConfigError, match=rf"dataset\.limit={limit} "):
        build(grey, {"limit": limit}, where="dataset")


def test_a_limit_of_the_drawn_set_is_what_n_is() -> None:
    by_n, by_limit = Shapes(n=7), Shapes(limit=7)
    assert [s.image_id for s in by_n.samples()] == [s.image_id for s in by_limit.samples()]
    assert by_n.fingerprint() == by_limit.fingerprint() == Shapes(n=9, limit=7).fingerprint()
    assert by_n.fingerprint() != Shapes(n=6).fingerprint()
    sample = by_n.samples()[0]
    assert by_n.stamp(sample) == by_limit.stamp(sample)
    assert len(Shapes(n=3, limit=7).samples()) == 3


def test_rows_of_a_limited_run_are_those_of_as_many_drawn_images(tmp_path: Path) -> None:
    few = ["model.weights=random", "method=[gradcam]", "protocol=[choe2020_v1]"]
    drawn, limited = (ran(made(word, *few), tmp_path / word) for word in ("dataset.n=3", "dataset.limit=3"))
    assert drawn.path.name == limited.path.name
    (expected,), (table,) = rows(drawn).values(), rows(limited).values()
    assert table.num_rows == 3
    assert table.equals(expected)
