"""Maps of one image that are equal to the last grey level are swept once, and each keeps its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.localization.one_map import Grid, map_of
from wsol.localization.final_map import final_map
from wsol.localization.levels import sweep_levels
from wsol.localization.localize import TOGETHER, by_image, localize
from wsol.localization.records import ImageMap, Localizations
from wsol.protocols._base import protocols

CHOSEN = [protocols[name] for name in ("choe2020_v1", "choe2020_v2", "cam2016_text")]
EXACT = protocols["exact"]
RNG = np.random.default_rng(0)
RAW = [RNG.random((7, 7)) for _ in range(3)]


def images(several: list[list[Grid]]) -> list[ImageMap]:
    """For each image some raw maps; all of an image share its boxes and layout, as in a run."""
    items: list[ImageMap] = []
    for n, raws in enumerate(several):
        first = map_of(raws[0], [[n, n, 60 + n, 50 + n]], size_wh=(90, 70))
        items += [ImageMap(raw=raw, layout=first.layout, boxes_xyxy=first.boxes_xyxy) for raw in raws]
    return items


def parts(found: Localizations) -> list[Any]:
    steps = [one for one in (found.iou, found.count, found.boxes) if one is not None]
    assert found.hits is not None
    return [*(getattr(one, name) for one in steps for name in ("breaks", "values", "offsets")), found.hits]


def check_alone(items: list[ImageMap]) -> None:
    """Each map has what it has alone."""
    found = localize(items, CHOSEN)
    for protocol in CHOSEN:
        alone = Localizations.joined([localize([item], [protocol])[protocol.name] for item in items])
        for a, b in zip(parts(found[protocol.name]), parts(alone), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many maps each sweep took."""
    counts: list[int] = []

    def counted(ranks: Any, *rest: Any, **options: Any) -> Any:
        counts.append(len(ranks))
        return sweep_levels(ranks, *rest, **options)

    monkeypatch.setattr("wsol.localization.localize.sweep_levels", counted)
    return counts


def test_equal_maps_of_one_image_are_swept_once(swept: list[int]) -> None:
    a, b, c = RAW
    items = images([[a, b, 2 * a, a + 0.0, c], [a, a, b]])  # 2 a has the grey levels of a
    localize(items, CHOSEN[:2])
    assert swept == [5]
    check_alone(items)


def test_equal_maps_of_different_images_are_not_taken_for_one_another(swept: list[int]) -> None:
    items = images([[RAW[0]], [RAW[0]]])
    found = localize(items, CHOSEN[:1])["choe2020_v1"].iou
    assert swept == [2]
    assert not np.array_equal(found.take([0]).values, found.take([1]).values)
    check_alone(items)


def test_maps_that_agree_in_most_pixels_are_told_apart(swept: list[int]) -> None:
    a = np.zeros((224, 224))
    a[50:150, 60:190] = np.linspace(0.1, 1, 130)
    b = a.copy()
    b[55, 66] = 1.0
    items = images([[a, b]])
    localize(items, CHOSEN[:2])
    assert swept == [2]
    check_alone(items)


def test_maps_of_one_image_are_found_wherever_they_are_in_the_batch(swept: list[int]) -> None:
    """Variant by variant, as runs list them, equal maps are further apart than the maps of one call."""
    items = images([[raw, 2 * raw] for raw in RNG.random((TOGETHER, 5, 6))])
    apart = items[::2] + items[1::2]
    localize(apart, CHOSEN[:2])
    assert swept == [TOGETHER // 2] * 2
    check_alone(apart)


def test_more_equal_maps_than_go_through_together_are_one(swept: list[int]) -> None:
    items = images([[RAW[0]] * (2 * TOGETHER + 1), [RAW[1], RAW[2]]])
    localize(items, CHOSEN[:2])
    assert swept == [3]
    check_alone(items)


def test_full_and_missing_maps_keep_their_places() -> None:
    a, b, _ = RAW
    items = images([[a, np.full((3, 3), np.nan), b, a], [b, b, np.full((2, 2), np.inf)]])
    items[2] = ImageMap(raw=b, layout=items[2].layout, boxes_xyxy=items[2].boxes_xyxy, full=True)
    check_alone([items[n] for n in (4, 0, 6, 2, 5, 1, 3)])


def test_images_follow_each_other_in_the_order_in_which_they_come() -> None:
    assert by_image([7, 3, 7, 5, 3]) == [0, 2, 1, 4, 3]
    assert by_image([]) == []


def test_equal_maps_are_resized_once_by_a_protocol_without_grey_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counted(*given: Any) -> Any:
        made.append(1)
        return final_map(*given)

    monkeypatch.setattr("wsol.localization.localize.final_map", counted)
    a, b, _ = RAW
    items = images([[a, b, a.copy()], [a]])
    localize(items, [EXACT])
    assert len(made) == 3


def test_equal_maps_of_shallow_and_deep_layers_are_not_taken_for_one_another() -> None:
    """Some protocols cut maps of shallow layers alone."""
    rgb = np.full((40, 50, 3), 30, np.uint8)
    rgb[8:32, 10:42] = 220  # the object, larger than what the map points at
    raw = np.zeros((7, 7))
    raw[3, 3] = 1
    deep = map_of(raw, [[10, 8, 42, 32]], size_wh=(50, 40), rgb=rgb)
    shallow = replace(deep, shallow=True)
    rule = protocols["layercam2021"]
    found = localize([deep, shallow], [rule])[rule.name]
    assert found.boxes is not None
    for n, item in enumerate((deep, shallow)):
        alone = localize([item], [rule])[rule.name]
        assert alone.boxes is not None
        np.testing.assert_array_equal(found.boxes.take([n]).values, alone.boxes.values)
    assert not np.array_equal(found.boxes.take([0]).values, found.boxes.take([1]).values)
