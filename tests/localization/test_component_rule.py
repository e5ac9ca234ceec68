"""A component rule that is a function goes through the same assembly as the compiled ones, with equal columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.evaluation.small import made, ran
from tests.localization.one_map import boxes_at, map_of
from wsol.errors import ConfigError
from wsol.localization.component_rules import component_rules
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap, Localizations
from wsol.protocols._base import Protocol, named, protocols
from wsol.views import view_named

RULES = {"own_largest": "largest_pixels", "own_all": "all"}  # by our name, the compiled rule that it repeats
BASES = {
    "swept over grey levels": "choe2020_v1",
    "swept over floats": "exact",
    "fixed on floats": "gradcam2017",
    "fixed on grey levels": "tscam2021",
    "cut": "layercam2021",
    "full frame where empty": "rethinkingcam2020",
}


@pytest.fixture(scope="module", autouse=True)
def rules() -> Iterator[None]:
    before = dict(component_rules)

    @component_rules.rule("own_largest")
    def own_largest(levels: NDArray[Any], t: int) -> NDArray[np.int32]:
        stats, first = components(levels > t)
        order = np.lexsort((first, -stats[:, cv2.CC_STAT_AREA]))  # of equal ones the first in raster order
        return boxes_of(stats[order[:1]])

    @component_rules.rule("own_all", several=True)
    def own_all(levels: NDArray[Any], t: int) -> NDArray[np.int32]:
        return boxes_of(components(levels > t)[0])

    yield
    component_rules._rules.clear()
    component_rules._rules.update(before)


def components(above: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """OpenCV's statistics of each component, and the place of its first pixel in raster order."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above.astype(np.uint8), connectivity=8)
    first = [int(np.flatnonzero(labels == label)[0]) for label in range(1, count)]
    return stats[1:], np.array(first, np.int64)


def boxes_of(stats: NDArray[np.int32]) -> NDArray[np.int32]:
    left, top, width, height = stats[:, :4].T
    return np.column_stack([left, top, left + width, top + height]).astype(np.int32)


def maps() -> list[ImageMap]:
    """Smooth and rough maps, one with ties of area, an empty one, a full one, and one that holds no number."""
    rng, size = np.random.default_rng(3), (30, 26)
    twins = np.zeros((26, 30))
    twins[2:6, 3:8] = twins[15:20, 20:24] = 1.0
    raws = [rng.normal(size=(3, 4)), rng.normal(size=(13, 15)), rng.integers(0, 4, (26, 30)), twins, np.zeros((4, 4))]
    gt = [[5, 4, 20, 18], [1, 2, 9, 9]]
    rgb = rng.integers(0, 256, (26, 30, 3), dtype=np.uint8)

    def item(raw: NDArray[Any], **more: bool) -> ImageMap:
        return map_of(raw.astype(float), gt, size_wh=size, view=view_named("squash", 24), rgb=rgb, shallow=True, **more)

    return [*map(item, raws), item(raws[0], full=True), item(np.full((2, 2), np.nan))]


def pair(base: str, ours: str) -> tuple[Protocol, Protocol]:
    """The base protocol with the compiled rule, and with ours."""
    small = protocols[base].derive({"side": 24})
    return small.derive({"component": RULES[ours]}), small.derive({"component": ours})


def plain(found: Localizations) -> dict[str, Any]:
    """Every array of what was found."""
    steps = {name: getattr(found, name) for name in ("iou", "count", "boxes")}
    arrays = {
        f"{name}.{part}": getattr(one, part).tolist()
        for name, one in steps.items()
        if one is not None
        for part in ("breaks", "values", "offsets")
    }
    return arrays | {"hits": None if found.hits is None else found.hits.tolist()}


@pytest.mark.parametrize("ours", RULES)
@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_a_rule_that_repeats_a_compiled_one_has_its_columns(base: str, ours: str) -> None:
    compiled, own = pair(base, ours)
    items = maps()
    expected = plain(localize(items, [compiled])[compiled.name])
    assert plain(localize(items, [own])[own.name]) == expected
    both = localize(items, [own, compiled, protocols["choe2020_v2"].derive({"side": 24})])
    assert plain(both[own.name]) == plain(both[compiled.name]) == expected
    assert own.several_boxes == compiled.several_boxes == (RULES[ours] == "all")


@pytest.mark.parametrize("ours", RULES)
@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_pictures_have_the_boxes_of_such_a_rule(base: str, ours: str) -> None:
    compiled, own = pair(base, ours)
    for item in maps():
        for tau in (0.0, 0.15, 0.6):
            found, expected = (sorted(boxes_at(item, tau, p).tolist()) for p in (own, compiled))
            assert found == expected


def test_rows_of_a_run_hold_the_columns_of_such_a_rule(tmp_path: Path) -> None:
    base = made("dataset.n=2", "model.weights=random", "method=[gradcam]", "protocol=[exact]")
    chosen = tuple(p for ours in RULES for p in pair("choe2020_v1", ours))
    folder = ran(dataclasses.replace(base, protocols=chosen), tmp_path)
    (table,) = folder.tables().values()
    told = folder.about().protocols
    for ours in RULES:
        compiled, own = pair("choe2020_v1", ours)
        columns = [name.removeprefix(f"{compiled.name}/") for name in table.column_names if compiled.name in name]
        assert {"breaks", "iou", "hits"} < set(columns)
        for column in columns:
            assert table[f"{own.name}/{column}"] == table[f"{compiled.name}/{column}"], column
        assert told[own.name].several_boxes == told[compiled.name].several_boxes


def test_an_unknown_rule_is_told_the_nearest_name() -> None:
    for wrong in (lambda: named("exact[component=own_larges]"), lambda: Protocol(name="x", component="own_larges")):
        with pytest.raises(ConfigError, match="there is no component rule 'own_larges'; nearest: 'own_largest'"):
            wrong()


def test_a_second_owner_of_a_rules_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is already a rule 'own_all' among the component rules; rename"):
        component_rules.rule("own_all")(lambda levels, t: np.zeros((0, 4), np.int32))
