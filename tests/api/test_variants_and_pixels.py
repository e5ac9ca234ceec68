"""Variants written as tables print them, and rows that belong to one normalization of the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import wsol
from wsol.datasets.formats.shapes import Shapes


def test_a_variant_is_written_in_python_as_tables_print_it() -> None:
    network, image = wsol.load_classifier("shapes_gap"), Shapes(n=1).image(Shapes(n=1).samples()[0])
    written = wsol.attribute(network, image, "layercam@stage4-5[gamma=2]", target=4)
    spelled_out = wsol.attribute(network, image, "layercam", layers=["stage4", "stage5"], gamma=2, target=4)
    assert written.method == spelled_out.method == "layercam@stage4+stage5[gamma=2]"
    assert np.array_equal(written.raw, spelled_out.raw)


def test_rows_of_another_normalization_are_not_taken(tmp_path: Path) -> None:
    network = wsol.load_classifier("shapes_gap")

    def digest(**pixels: tuple[float, float, float]) -> str:
        result = wsol.evaluate(network.module, "shapes", "gradcam", limit=1, runs=tmp_path, input_size=128, **pixels)
        return str(result.rows()["map_digest"][0])

    first = digest(mean=network.mean, std=network.std)
    assert digest(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)) != first
    assert digest(mean=network.mean, std=network.std) == first
