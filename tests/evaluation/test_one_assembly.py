"""Whatever draws, keeps or scores boxes has them from one place: `wsol explain`, the gallery and the rows agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.evaluation.small import made, own_components, ran
from wsol.cli.explain import explain
from wsol.evaluation.experiment import Experiment
from wsol.localization.frame import in_stored_pixels
from wsol.methods._base import method
from wsol.methods._features import LayerFeatures
from wsol.protocols._base import Protocol, named, protocols
from wsol.runs import gallery

IMAGES = ("test/00000", "test/00001")
METHODS = "method=[fullbox,layercam,constant2026]"  # a control, a shallow layer, a flat map
WORDS = (
    "dataset=shapes",
    "dataset.n=2",
    "model=shapes_vgg",
    "model.weights=random",
    METHODS,
    "methods.layercam.layers=[stage2,stage5]",
    "engine.batch_size=1",  # the last bits of a map know the batch, and explain has one image at a time
    "gallery=2",
)
DERIVED = ("choe2020_v1[refine=colour_cut]", "layercam2021[component=all]", "cam2016_code[candidates=2]")
NAMES = (*sorted({protocol.name for protocol in protocols.values()}), *DERIVED)
STEPS = (0, 13)  # of gallery.TAUS


@pytest.fixture(scope="module")
def experiment() -> Iterator[Experiment]:
    with own_components():

        @method("constant2026", paper="a test", year=2026, needs=())
        class Constant2026:
            """The same number everywhere."""

            def __call__(self, layer: LayerFeatures) -> torch.Tensor:
                return torch.full((len(layer.images), 7, 7), 0.5)

        yield made(*WORDS)


@dataclass(frozen=True)
class Drawn:
    """What `wsol explain` gave its pictures."""

    boxes: NDArray[np.float64]
    caption: str


def drawn(monkeypatch: pytest.MonkeyPatch, protocol: str, tau: float, out: Path) -> dict[tuple[str, str], Drawn]:
    """By variant id and image, the boxes and the caption of the real command."""
    found: list[Drawn] = []

    def overlay(image: Any, map01: Any, *, gt_boxes: Any, predicted_boxes: Any, caption: str) -> Any:
        found.append(Drawn(np.asarray(predicted_boxes), caption))
        return image

    monkeypatch.setattr("wsol.report.figures.overlay.overlay", overlay)
    preset = named(protocol)
    words = [f"protocol=[{preset.preset or preset.name}]"]
    words += [f"protocols.{preset.preset}.{knob}={value}" for knob, value in preset.changes.items()]
    explain(IMAGES, [*WORDS, *words], out, label=None, tau=tau)
    ids = ["fullbox", "layercam@stage2", "layercam@stage5", "constant2026@stage5"]
    assert [one.caption.split("  ")[0] for one in found] == ids * len(IMAGES)
    pairs = [(variant, image) for image in IMAGES for variant in ids]
    return dict(zip(pairs, found, strict=True))


def at(row: dict[str, Any], protocol: str, values: str, breaks: str, tau: float) -> Any:
    """The value of a step function of a row, a box of four numbers as one value."""
    place = int(np.searchsorted(row[f"{protocol}/{breaks}"], tau, side="right")) - 1
    column = np.array(row[f"{protocol}/{values}"])
    return column.reshape(-1, 4)[place] if values == "boxes" else column[place]


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("name", NAMES)
def test_explain_the_gallery_and_the_rows_have_the_same_boxes(
    name: str, experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = named(name)
    one = dataclasses.replace(experiment, protocols=(protocol,))
    folder = ran(one, tmp_path / "runs")
    kept = gallery.read(folder)
    assert kept is not None
    table = [(key.partition("#")[0], row) for key, table in folder.tables().items() for row in table.to_pylist()]
    found = {(variant, row["image_id"]): row for variant, row in table}
    shown = {(key.partition("#")[0], image): one for (key, image), one in kept.shown.items()}
    assert found.keys() == shown.keys()
    for tau, steps in thresholds(protocol, swept_gallery=kept.protocol["tau"] == "sweep").items():
        for pair, picture in drawn(monkeypatch, name, tau, tmp_path / "out").items():
            for step in steps:
                assert np.rint(picture.boxes).tolist() == shown[pair].at(step).tolist(), (pair, tau)
                assert picture.caption.endswith(f"IoU {shown[pair].iou[step]:.2f} at tau {tau:g}"), (pair, tau)
            if protocol.tau in ("sweep", tau):
                assert_is_of_row(picture, found[pair], one, protocol, tau)


def thresholds(protocol: Protocol, *, swept_gallery: bool) -> dict[float, list[int]]:
    """Where to compare: by threshold, the steps of the gallery that stand for it."""
    if protocol.tau == "sweep":
        return {gallery.TAUS[step]: [step] for step in STEPS}
    own = float(protocol.tau)
    if not swept_gallery:  # rules that can't be swept have one answer
        return {own: list(STEPS)}
    return {gallery.TAUS[STEPS[-1]]: [STEPS[-1]], own: [gallery.TAUS.index(own)] if own in gallery.TAUS else []}


def assert_is_of_row(picture: Drawn, row: dict[str, Any], one: Experiment, protocol: Protocol, tau: float) -> None:
    """The boxes drawn are those of the row, in stored pixels, and the IoU in the caption is the row's."""
    own = tau if protocol.tau == "sweep" else 0.0  # a fixed threshold has one step
    assert picture.caption.endswith(f"IoU {at(row, protocol.name, 'iou', 'breaks', own):.2f} at tau {tau:g}")
    if protocol.several_boxes:
        if f"{protocol.name}/count" in row:
            assert len(picture.boxes) == at(row, protocol.name, "count", "count_breaks", own)
        return
    box = at(row, protocol.name, "boxes", "box_breaks", own)
    layout = one.view_of(protocol).layout((row["width"], row["height"]))
    expected = in_stored_pixels(box[None], layout, space=protocol.space, side=protocol.side)
    assert picture.boxes.tolist() == (expected.tolist() if box.any() else [])


def test_the_cases_are_what_they_stand_for(experiment: Experiment, tmp_path: Path) -> None:
    """A control fills the frame, the shallow layer is cut and the deep one not, and a flat map finds nothing or all."""
    cut, plain = named("layercam2021"), named("layercam2021[refine=none]")
    chosen = (cut, plain, named("choe2020_v1"), named("psol2020"))
    folder = ran(dataclasses.replace(experiment, protocols=chosen, gallery=0), tmp_path)
    tables = {key.partition("#")[0]: table for key, table in folder.tables().items()}

    def boxes(variant: str, protocol: str) -> list[list[int]]:
        return tables[variant][f"{protocol}/boxes"].to_pylist()

    assert boxes("layercam@stage2", cut.name) != boxes("layercam@stage2", plain.name)
    assert boxes("layercam@stage5", cut.name) == boxes("layercam@stage5", plain.name)
    columns = (tables["fullbox"][name].to_pylist() for name in ("width", "height"))
    assert boxes("fullbox", cut.name) == [[0, 0, w, h] for w, h in zip(*columns, strict=True)]
    assert boxes("fullbox", "choe2020_v1") == boxes("fullbox", "psol2020") == [[0, 0, 224, 224]] * 2
    assert boxes("constant2026@stage5", "choe2020_v1") == [[0, 0, 0, 0]] * 2
