"""`wsol score` on the golden maps gives the published evaluator's numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.cli.maps_scored import Scored, Truth, folder_of
from wsol.metrics.pxap import histograms
from wsol.stats.reductions import pxap


@dataclass(frozen=True)
class Golden:
    """The set of boxes_choe2020, laid out as files."""

    arrays: Mapping[str, NDArray[Any]]
    told: Mapping[str, Any]
    maps: Path
    metadata: Path
    predictions: Path


@pytest.fixture(scope="module")
def golden(shared: Path, choe: dict[str, NDArray[Any]], tmp_path_factory: pytest.TempPathFactory) -> Golden:
    at, arrays = tmp_path_factory.mktemp("golden"), choe
    told = json.loads((shared / "golden" / "boxes_choe2020.json").read_text())
    ids = [one["image_id"] for one in told["maps"]]
    truth = Truth(
        sizes={i: tuple(wh) for i, wh in zip(ids, arrays["image_sizes_wh"].tolist(), strict=True)},
        labels=dict.fromkeys(ids, 0),
        boxes={i: b[:n].tolist() for i, b, n in zip(ids, arrays["gt_boxes_orig"], arrays["num_gt"], strict=True)},
    )
    maps = folder_of(dict(zip(ids, arrays["maps"], strict=True)), at / "scoremaps")
    right = arrays["classification_correct"].astype(int)
    lines = [f"{i},{bit}" for i, bit in zip(ids, right, strict=True)]
    (at / "correct.csv").write_text("\n".join(["image_id,correct", *lines]))
    return Golden(arrays, told, maps, truth.metadata(at / "metadata"), at / "correct.csv")


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("grid", ["t1000", "t100"])
@pytest.mark.parametrize("mode", ["v1", "v2"])
def test_golden_maps_give_the_references_numbers(golden: Golden, scored: Scored, mode: str, grid: str) -> None:
    step = [] if grid == "t1000" else ["--step", "0.01"]
    found = scored.values(
        golden.maps,
        *step,
        "--predictions",
        str(golden.predictions),
        annotations=golden.metadata,
        protocol=f"choe2020_{mode}",
    )
    assert "taken as they are" in scored.story
    expected = golden.told["aggregates"][f"{mode}_{grid}"]
    headline = ("maxboxacc", "max_box_acc_delta05") if mode == "v1" else ("maxboxacc_v2", "mean_over_deltas")
    assert found[headline[0]] == pytest.approx(expected[headline[1]], rel=1e-14)
    for delta in ("0.3", "0.5", "0.7"):
        name = f"maxboxacc@{round(100 * float(delta))}"
        assert found[name] == pytest.approx(expected["max_box_acc"][delta], rel=1e-14)
    assert found["best_tau"] == expected["first_best_threshold"]["0.5"]
    assert found["top1_loc_max"] == pytest.approx(expected["top1_loc"]["0.5"], rel=1e-14)
    best = int(golden.arrays[f"accuracy_curve_{mode}_{grid}"][1].argmax())  # Top-1 Loc is told at GT-known's threshold
    assert found["top1_loc"] == pytest.approx(golden.arrays[f"top1_loc_curve_{mode}_{grid}"][1, best], rel=1e-14)
    assert "top5_loc" not in found  # only the first class is known
    assert "top5_cls" not in found
    for i, row in enumerate(scored.rows.values()):
        starts = np.searchsorted(
            row[f"{found_name(mode, grid)}/breaks"], golden.arrays[f"thresholds_{grid}"], side="right"
        )
        curve = np.array(row[f"{found_name(mode, grid)}/iou"])[starts - 1]
        np.testing.assert_array_equal(curve, golden.arrays[f"best_iou_{mode}_{grid}"][i])


def found_name(mode: str, grid: str) -> str:
    return f"choe2020_{mode}" + ("[tau_step=0.01]" if grid == "t100" else "")


@pytest.mark.parametrize(("grid", "step"), [("t1000", []), ("t100", ["--step", "0.01"])])
def test_golden_masks_give_the_references_pxap(shared: Path, scored: Scored, grid: str, step: list[str]) -> None:
    with np.load(shared / "golden" / "pxap_choe2020.npz") as stored:
        maps, masks = stored["maps"], stored["masks"]
    told = json.loads((shared / "golden" / "pxap_choe2020.json").read_text())
    ids = [f"test/{n:02d}.jpg" for n in range(len(maps))]
    np.savez(scored.at / "maps.npz", **dict(zip(ids, maps, strict=True)))
    np.savez(scored.at / "masks.npz", **dict(zip(ids, masks, strict=True)))
    found = scored.values(scored.at / "maps.npz", *step, annotations=scored.at / "masks.npz", protocol="pxap")
    assert found["pxap"] == pytest.approx(told["pxap_percent"][grid], rel=1e-12)
    alone = [v for v in told[f"pxap_single_image_{grid}"] if v is not None]
    assert found["pxap_image"] == pytest.approx(np.mean(alone), rel=1e-12)


def test_masks_in_openimages_layout_are_read_as_the_reference_reads_them(shared: Path, scored: Scored) -> None:
    with np.load(shared / "golden" / "pxap_choe2020.npz") as stored:
        arrays = dict(stored)
    masks, lines = scored.at / "masks", []
    ids = [f"test/m/{n}.jpg" for n in range(4)]
    (masks / "test/m").mkdir(parents=True)
    for n, image_id in enumerate(ids):
        ignore = f"test/m/{n}_ignore.png"
        Image.fromarray(arrays[f"png{n}_ignore"]).save(masks / ignore)
        for k in range(sum(name.startswith(f"png{n}_instance") for name in arrays)):
            name = f"test/m/{n}_m_{k}.png"
            Image.fromarray(arrays[f"png{n}_instance{k}"]).save(masks / name)
            lines.append(f"{image_id},{name},{ignore if k == 0 else ''}")
    metadata = scored.at / "openimages"
    metadata.mkdir()
    (metadata / "image_ids.txt").write_text("\n".join(ids))
    (metadata / "class_labels.txt").write_text("\n".join(f"{i},0" for i in ids))
    (metadata / "image_sizes.txt").write_text("")
    (metadata / "localization.txt").write_text("\n".join(lines))
    maps = dict(zip(ids, arrays["maps"], strict=False))
    found = scored.values(maps, "--masks", str(masks), annotations=metadata, protocol="pxap")
    pooled = [histograms(m, t, step=0.001) for m, t in zip(maps.values(), arrays["get_mask_result"], strict=True)]
    foreground, background = (np.sum([p[k] for p in pooled], axis=0) for k in (0, 1))
    assert found["pxap"] == pytest.approx(100 * float(pxap(foreground, background)), rel=1e-12)
    assert "masks" in scored.refused(maps, annotations=metadata, protocol="pxap")


# forms of maps
