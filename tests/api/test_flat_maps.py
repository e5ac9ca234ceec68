"""Flat maps: the whole image for the control that says so, no box for all other methods, as in a run."""

from __future__ import annotations

import numpy as np

import wsol
from wsol.datasets.formats.shapes import Shapes

DATA = Shapes(n=3)
IMAGES = [DATA.image(sample) for sample in DATA.samples()]
TRUTH = [sample.boxes_xyxy for sample in DATA.samples()]


def test_the_full_box_is_the_whole_image_as_in_a_run(caplog) -> None:  # type: ignore[no-untyped-def]
    maps = wsol.attribute("shapes_gap", IMAGES, "fullbox")
    found = wsol.localize(maps, protocol="choe2020_v2", boxes=TRUTH)
    for one, image in zip(found, IMAGES, strict=True):
        np.testing.assert_allclose(one.boxes(0.5), [[0, 0, *image.size]], atol=1)
    assert not caplog.text  # a flat map is what it should be
    metric = wsol.MaxBoxAcc("choe2020_v2")
    metric.update(maps[:2], TRUTH[:2])
    metric.update(maps[2:], TRUTH[2:])
    (row,) = wsol.evaluate("shapes_gap", DATA, "fullbox", ["choe2020_v2"]).table().records()
    assert row["choe2020_v2/maxboxacc_v2"] == metric.compute()["maxboxacc_v2"] > 0


def test_a_flat_map_of_another_method_has_no_box() -> None:
    maps = wsol.attribute("shapes_gap", IMAGES, "gradcam")
    flat = wsol.Maps(raw=np.ones_like(maps.raw), method=maps.method, targets=maps.targets, sizes_wh=maps.sizes_wh)
    assert not maps.full
    assert [one.count for one in wsol.localize(flat)] == [0, 0, 0]
