"""`wsol score`: other people's maps, in any of their forms, to the numbers of the published evaluators."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from wsol.cli import main
from wsol.localise import final_map, iou_of_thresholds, place
from wsol.metrics.pxap import histograms, pxap
from wsol.protocols.base import named
from wsol.store import RunFolder, open_run
from wsol.views import View

Maps = Mapping[str, NDArray[Any]]
Boxes = list[list[int]]


@dataclass(frozen=True)
class Truth:
    """What annotations say: by image id (width, height), label and boxes."""

    sizes: Mapping[str, tuple[int, int]]
    labels: Mapping[str, int]
    boxes: Mapping[str, Boxes]

    def metadata(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        lines = {
            "image_ids": list(self.sizes),
            "class_labels": [f"{i},{label}" for i, label in self.labels.items()],
            "image_sizes": [f"{i},{w},{h}" for i, (w, h) in self.sizes.items()],
            "localization": [f"{i},{','.join(map(str, b))}" for i, boxes in self.boxes.items() for b in boxes],
        }
        for name, text in lines.items():
            (folder / f"{name}.txt").write_text("\n".join(text))
        return folder

    def csv(self, file: Path) -> Path:
        rows = [
            ",".join(map(str, (i, *self.sizes[i], self.labels[i], *box)))
            for i, boxes in self.boxes.items()
            for box in boxes
        ]
        file.write_text("\n".join(["image_id,width,height,label,x0,y0,x1,y1", *rows]))
        return file

    def coco(self, file: Path) -> Path:
        ids = {i: n for n, i in enumerate(self.sizes)}
        boxes = [(i, b) for i, found in self.boxes.items() for b in found]
        content = {
            "images": [{"id": ids[i], "file_name": i, "width": w, "height": h} for i, (w, h) in self.sizes.items()],
            "categories": [{"id": c, "name": f"class {c}"} for c in sorted(set(self.labels.values()))],
            "annotations": [
                {"id": n, "image_id": ids[i], "category_id": self.labels[i], "bbox": [x0, y0, x1 - x0, y1 - y0]}
                for n, (i, (x0, y0, x1, y1)) in enumerate(boxes)
            ],
        }
        file.write_text(json.dumps(content))
        return file


SIZES = {
    "b/0.jpeg": (320, 240),
    "b/1.jpeg": (200, 300),
    "a.jpg": (224, 224),
    "c/d/e.png": (500, 375),
    "f.jpg": (90, 97),
}
TRUTH = Truth(
    sizes=SIZES,
    labels={i: n % 3 for n, i in enumerate(SIZES)},
    boxes={
        i: [[w // 5, h // 4, w - 10, h - 5], [1, 2, w // 2, h // 2]][: 1 + n % 2]
        for n, (i, (w, h)) in enumerate(SIZES.items())
    },
)


def raw_maps(side: int = 9) -> dict[str, NDArray[np.float64]]:
    """Signed maps of a square network input, of no particular scale."""
    rng = np.random.default_rng(5)
    return {i: rng.normal(size=(side, side)) * 10 - 2 for i in SIZES}


def scores(size: int | None = 224) -> dict[str, NDArray[np.float64]]:
    """Maps as the published evaluators take them: in [0, 1] at `size`, or each image's own."""
    made = {}
    for i, raw in raw_maps().items():
        wh = SIZES[i] if size is None else (size, size)
        large = cv2.resize(raw, wh, interpolation=cv2.INTER_LINEAR)
        made[i] = (large - large.min()) / (large.max() - large.min())
    return made


def folder_of(maps: Maps, folder: Path) -> Path:
    for name, values in maps.items():
        file = folder / f"{name}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, values)
    return folder


class Scored:
    """Call `wsol score` under a temporary folder."""

    def __init__(self, at: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.at, self.capsys = at, capsys
        self.story = ""  # what the last call told

    def __call__(
        self, maps: Maps | Path, *more: str, annotations: Path | None = None, protocol: str = "choe2020_v1"
    ) -> dict[str, Any]:
        if not isinstance(maps, Path):
            maps = folder_of(maps, self.at / "maps")
        annotations = annotations or TRUTH.metadata(self.at / "metadata")
        words = ["--maps", str(maps), "--annotations", str(annotations), "--protocol", protocol]
        code = main(["score", *words, "--runs", str(self.at / "runs"), "--json", "--resamples", "50", *more])
        out, self.story = self.capsys.readouterr()
        assert code == 0, self.story
        found: dict[str, Any] = json.loads(out)
        return found

    def values(self, maps: Maps | Path, *more: str, **options: Any) -> dict[str, float]:
        return {name: cell["value"] for name, cell in self(maps, *more, **options)["metrics"].items()}

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        (table,) = open_run("latest", self.at / "runs").tables().values()
        return {row["image_id"]: row for row in table.to_pylist()}

    def refused(
        self, maps: Maps | Path, *more: str, annotations: Path | None = None, protocol: str = "choe2020_v1"
    ) -> str:
        if not isinstance(maps, Path):
            maps = folder_of(maps, self.at / "maps")
        annotations = annotations or TRUTH.metadata(self.at / "metadata")
        words = ["--maps", str(maps), "--annotations", str(annotations), "--protocol", protocol]
        assert main(["score", *words, "--runs", str(self.at / "runs"), "--json", *more]) == 2
        out, err = self.capsys.readouterr()
        assert not out
        (complaint,) = [line for line in err.splitlines() if line.startswith("wsol: ")]
        return complaint


@pytest.fixture
def scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scored:
    return Scored(tmp_path, capsys)


def test_the_object_has_the_agreed_names(scored: Scored) -> None:
    found = scored(scores())
    assert set(found) == {"protocol", "n", "metrics"}
    assert found["protocol"] == "choe2020_v1"
    assert found["n"] == len(SIZES)
    assert set(found["metrics"]) == {
        "maxboxacc",
        "maxboxacc@30",
        "maxboxacc@50",
        "maxboxacc@70",
        "gt_known_loc",
        "best_tau",
    }
    for cell in found["metrics"].values():
        assert set(cell) == {"value", "low", "high"}
        assert cell["low"] <= cell["value"] <= cell["high"]
    second = scored(scores(), protocol="choe2020_v2")
    assert "maxboxacc_v2" in second["metrics"]
    assert "maxboxacc" not in second["metrics"]


# golden files


@dataclass(frozen=True)
class Golden:
    """The set of boxes_choe2020, laid out as files."""

    arrays: Mapping[str, NDArray[Any]]
    told: Mapping[str, Any]
    maps: Path
    metadata: Path
    predictions: Path


@pytest.fixture(scope="module")
def golden(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    at = tmp_path_factory.mktemp("golden")
    with np.load(shared / "golden" / "boxes_choe2020.npz") as stored:
        arrays = dict(stored)
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


def test_the_form_of_the_files_changes_nothing(scored: Scored) -> None:
    from safetensors.numpy import save_file

    maps = scores()
    np.savez(scored.at / "maps.npz", **maps)
    save_file(maps, scored.at / "maps.safetensors")
    short = {i.rpartition(".")[0]: values for i, values in maps.items()}
    expected = scored.values(folder_of(maps, scored.at / "whole"))
    curves = scored.rows
    for form in (scored.at / "maps.npz", scored.at / "maps.safetensors", folder_of(short, scored.at / "short")):
        assert scored.values(form) == expected
        assert {i: r["choe2020_v1/iou"] for i, r in scored.rows.items()} == {
            i: r["choe2020_v1/iou"] for i, r in curves.items()
        }


def test_the_form_of_the_annotations_changes_nothing(scored: Scored) -> None:
    maps = folder_of(scores(), scored.at / "maps")
    expected = scored.values(maps, annotations=TRUTH.metadata(scored.at / "m"))
    assert scored.values(maps, annotations=TRUTH.csv(scored.at / "boxes.csv")) == expected
    assert scored.values(maps, annotations=TRUTH.coco(scored.at / "boxes.json")) == expected


@pytest.mark.parametrize("kind", ["float32", "float64", "extra axes", "8 bit"])
def test_the_type_of_the_numbers_changes_nothing(kind: str, scored: Scored) -> None:
    levels = {i: np.floor(values * 255).astype(np.uint8) for i, values in scores().items()}
    stored: dict[str, Any] = {
        "float32": {i: v.astype(np.float32) / np.float32(255) for i, v in levels.items()},
        "float64": {i: v / 255 for i, v in levels.items()},
        "extra axes": {i: (v / 255)[None, :, :, None] for i, v in levels.items()},
        "8 bit": levels,
    }
    scored(stored[kind])
    assert "taken as they are" in scored.story
    rule = named("choe2020_v1[normalise=none]")
    for i, row in scored.rows.items():
        layout = View("squash", 224).layout(SIZES[i])
        where = place(np.array(TRUTH.boxes[i], float), layout, SIZES[i], rule)
        curve, _ = iou_of_thresholds(levels[i].astype(np.int32), where.gt_boxes, rule)
        assert row["choe2020_v1/iou"] == curve.values.tolist()


@pytest.mark.parametrize(
    "protocol", ["choe2020_v1", "choe2020_v2", "exact", "gradcam2017", "layercam2021", "cam2016_code"]
)
def test_raw_maps_go_through_the_protocol(protocol: str, scored: Scored) -> None:
    scored(raw_maps(), protocol=protocol)
    assert "resized and normalised by the protocol" in scored.story
    rule = named(protocol)
    for i, row in scored.rows.items():
        layout = View("squash", 224).layout(SIZES[i])
        where = place(np.array(TRUTH.boxes[i], float), layout, SIZES[i], rule)
        curve, _ = iou_of_thresholds(final_map(raw_maps()[i], layout, where.size_wh, rule), where.gt_boxes, rule)
        assert row[f"{protocol}/iou"] == curve.values.tolist()
        assert row[f"{protocol}/breaks"] == curve.breaks.tolist()


def test_scores_at_the_images_size_are_taken_as_they_are_where_boxes_are_there(scored: Scored) -> None:
    given = scored.values(folder_of(scores(None), scored.at / "large"), protocol="exact")
    assert "taken as they are" in scored.story
    assert given == scored.values(folder_of(raw_maps(), scored.at / "raw"), protocol="exact")
    scored(folder_of(scores(None), scored.at / "large"), protocol="choe2020_v1")
    assert "resized and normalised" in scored.story


def test_scores_that_stay_low_are_not_stretched_but_said_to_be_raw_if_all_do(scored: Scored) -> None:
    dim = {i: values * (1.0 if n == 0 else 0.4) for n, (i, values) in enumerate(scores().items())}
    scored(folder_of(dim, scored.at / "dim"))
    assert "taken as they are" in scored.story
    scored(folder_of({i: v * 0.01 for i, v in scores().items()}, scored.at / "dimmer"))
    assert "reach 0.01 at most" in scored.story


def test_what_to_do_with_maps_can_be_said(scored: Scored) -> None:
    plain = {i: np.round(values * 256) / 256 for i, values in scores().items()}
    lifted = {i: 0.5 + values / 2 for i, values in plain.items()}
    maps = folder_of(lifted, scored.at / "lifted")
    auto, never, always = ([], ["--normalise", "never"], ["--normalise", "always"])
    assert scored.values(maps, *auto) == scored.values(maps, *never)
    assert scored.values(maps, *always) == scored.values(folder_of(plain, scored.at / "plain"))
    scored(maps, protocol="choe2020_v1[normalise=max]")
    assert "resized and normalised by the protocol: the protocol's name says how" in scored.story


def test_maps_with_the_images_proportions_need_not_be_square(scored: Scored) -> None:
    maps = {
        i: np.random.default_rng(0).random((max(1, round(h / 32)), max(1, round(w / 32))))
        for i, (w, h) in SIZES.items()
    }
    assert scored(maps)["n"] == len(SIZES)


def test_maps_of_a_centre_crop_cover_the_centre(scored: Scored) -> None:
    squares = {i: np.ones((7, 7)) for i in SIZES}
    for values in squares.values():
        values[0, 0] = 0
    scored(squares, protocol="psol2020")
    assert "squash_centre crop" in scored.story
    rows = scored.rows
    scored(squares, "--view", "squash", protocol="psol2020")
    assert {i: r["psol2020/iou"] for i, r in scored.rows.items()} != {i: r["psol2020/iou"] for i, r in rows.items()}


# predictions


def test_top1_and_top5_come_from_predictions_in_any_form(scored: Scored) -> None:
    label = TRUTH.labels
    right = {"b/0.jpeg": 0, "b/1.jpeg": 3, "a.jpg": 0, "c/d/e.png": 7, "f.jpg": 4}  # ranks of the labels
    lists = {i: [50, 51, 52, 53, 54] for i in SIZES}
    for i, rank in right.items():
        if rank < 5:
            lists[i][rank] = label[i]
    forms = {
        "top5": ["image_id,top1,top2,top3,top4,top5", *(f"{i},{','.join(map(str, t))}" for i, t in lists.items())],
        "rank": ["image_id,rank", *(f"{i},{r}" for i, r in right.items()), "another.jpg,0"],
        "top1": ["image_id,top1", *(f"{i},{t[0]}" for i, t in lists.items())],
        "correct": ["image_id,correct", *(f"{i},{'true' if r == 0 else 'false'}" for i, r in right.items())],
    }
    found = {}
    for name, lines in forms.items():
        file = scored.at / f"{name}.csv"
        file.write_text("\n".join(lines))
        found[name] = scored.values(scores(), "--predictions", str(file))
    assert found["top5"] == found["rank"]
    assert found["top5"]["top1_cls"] == 40
    assert found["top5"]["top5_cls"] == 80
    assert found["top1"] == found["correct"] == {k: v for k, v in found["top5"].items() if not k.startswith("top5")}
    assert found["top5"]["top1_loc"] <= found["top5"]["top1_loc_max"] <= found["top5"]["gt_known_loc"]


# refusals


def broken(name: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {**scores(), name: values}


def filled(value: float) -> NDArray[np.float64]:
    values = scores()["b/1.jpeg"].copy()
    values[3, 4] = value
    return values


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (broken("b/1.jpeg", filled(np.nan)), "the map of 'b/1.jpeg' has 1 NaN and 0 infinite values of 50176"),
        (broken("b/1.jpeg", filled(np.inf)), "the map of 'b/1.jpeg' has 0 NaN and 1 infinite values"),
        (broken("a.jpg", np.ones((3, 224, 224))), "the map of 'a.jpg' has shape (3, 224, 224); a map is (h, w)"),
        (broken("a.jpg", np.ones(5)), "a map is (h, w)"),
        (broken("a.jpg", np.ones((8, 8)) * 1j), "holds complex128, not real numbers"),
        (broken("b/1.jpeg", scores()["a.jpg"][:200]), "is 200 x 224 (height x width), which fits neither"),
        (broken("c/d/e.png", np.ones((500, 375))), "fits neither a square network input nor the image (375 x 500)"),
        ({i: m for i, m in scores().items() if not i.startswith("b")}, "2 of 5 images have no map in"),
        ({**scores(), "g.jpg": np.ones((4, 4)), "h.jpg": np.ones((4, 4))}, "2 of 7 maps in"),
        ({"g.jpg": np.ones((4, 4))}, "5 of 5 images have no map in"),
        ({}, "has no .npy file in it"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps: Maps, said: str, scored: Scored) -> None:
    (scored.at / "maps").mkdir()
    assert said in scored.refused(maps)


def test_the_first_missing_and_the_first_extra_map_are_named(scored: Scored) -> None:
    lacking = {i: m for i, m in scores().items() if i not in ("b/1.jpeg", "f.jpg")}
    assert "first 'b/1.jpeg'" in scored.refused(folder_of(lacking, scored.at / "lacking"))
    more = {**scores(), "z": np.ones((4, 4)), "y/x.jpg": np.ones((4, 4))}
    assert "first 'y/x.jpg'" in scored.refused(folder_of(more, scored.at / "more"))


def test_a_folder_one_level_too_high_is_recognised(scored: Scored) -> None:
    deeper = folder_of({f"run1/{i}": m for i, m in scores().items()}, scored.at / "maps")
    assert f"did you mean --maps {deeper / 'run1'}?" in scored.refused(deeper)


def test_two_images_cannot_share_a_map(scored: Scored) -> None:
    truth = Truth(
        {"a.jpg": (9, 9), "a.png": (9, 9)}, {"a.jpg": 0, "a.png": 0}, {"a.jpg": [[0, 0, 4, 4]], "a.png": [[0, 0, 4, 4]]}
    )
    said = scored.refused({"a": np.eye(9)}, annotations=truth.metadata(scored.at / "two"))
    assert "images 'a.jpg' and 'a.png' would share the map 'a'" in said


def test_a_later_map_that_does_not_fit_the_decision_is_refused(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsol.scoring.LOOKED_AT", 2)  # a.jpg and b/0.jpeg
    high = folder_of(broken("f.jpg", scores()["f.jpg"] * 3), scored.at / "high")
    assert "the map of 'f.jpg' spans 0 to 3, outside [0, 1]; say --normalise always" in scored.refused(high)
    small = folder_of(broken("f.jpg", np.eye(7)), scored.at / "small")
    assert "the map of 'f.jpg' is 7 x 7" in scored.refused(small)
    assert scored(small, "--normalise", "never")["n"] == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("localization.txt", "", ""), "is empty: no image has a box"),
        (("localization.txt", "f.jpg,18,24,80,92", "a.jpg,1,1,5,5"), "1 images have no box in"),
        (("localization.txt", "f.jpg,18,24,80,92", "f.jpg,18,24,99,92"), "reaches outside its 90x97 image"),
        (("image_sizes.txt", "", ""), "sizes are unknown"),
        (("class_labels.txt", "f.jpg,1", "f.jpg,one"), "should be image,whole number"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(change: tuple[str, str, str], said: str, scored: Scored) -> None:
    metadata = TRUTH.metadata(scored.at / "changed")
    name, old, new = change
    text = (metadata / name).read_text()
    assert old in text
    (metadata / name).write_text(text.replace(old, new) if old else "")
    assert said in scored.refused(scores(), annotations=metadata)


def test_masks_alone_have_no_boxes(scored: Scored) -> None:
    np.savez(scored.at / "masks.npz", **{i: np.eye(20, dtype=np.uint8) for i in SIZES})
    said = scored.refused(scores(), annotations=scored.at / "masks.npz")
    assert "5 of 5 images have no box" in said
    assert "--protocol pxap" in said


@pytest.mark.parametrize(
    ("more", "protocol", "said"),
    [
        (["--step", "0.01"], "gradcam2017", "--step 0.01 changes nothing: protocol gradcam2017 has a fixed threshold"),
        (["--step", "0.01"], "exact", "protocol exact is not quantised"),
        (["--step", "2"], "choe2020_v1", "tau_step=2.0 is not in (0, 0.5]"),
        (["--threads", "0"], "choe2020_v1", "--threads 0"),
        (["--view", "center"], "choe2020_v1", "nearest: 'centre'"),
        ([], "choe2020", "nearest: 'choe2020_v2'"),
        ([], "rise2018_single", "asks the network"),
        ([], "exact[refine=colour_cut]", "needs the pixels: give --images DIR"),
        (["--shallow"], "layercam2021", "needs the pixels: give --images DIR"),
        (["--predictions", "nowhere.csv"], "choe2020_v1", "nowhere.csv"),
    ],
)
def test_choices_that_cannot_be_are_refused(more: list[str], protocol: str, said: str, scored: Scored) -> None:
    assert said in scored.refused(scores(), *more, protocol=protocol)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["image_id,rank", "a.jpg,0"], "4 of 5 images have no prediction"),
        (["image_id,rank", "a.jpg,0", "a.jpg,0"], "two predictions for 'a.jpg'"),
        (["image_id,rank", "a.jpg,-1"], "line 2: 'a.jpg,-1' doesn't fit image_id,rank"),
        (["image_id,correct", "a.jpg,maybe"], "doesn't fit"),
        (["image_id,top1,top3", "a.jpg,1,2"], "without a gap"),
        (["image,class", "a.jpg,1"], "needs a header"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(lines: list[str], said: str, scored: Scored) -> None:
    file = scored.at / "predictions.csv"
    file.write_text("\n".join(lines))
    assert said in scored.refused(scores(), "--predictions", str(file))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".zip"])
def test_a_damaged_archive_is_refused(suffix: str, scored: Scored) -> None:
    file = scored.at / f"maps{suffix}"
    file.write_bytes(b"no archive")
    assert f"maps{suffix}" in scored.refused(file)


def test_an_image_of_another_size_is_refused(scored: Scored) -> None:
    for i, (w, h) in SIZES.items():
        file = scored.at / "images" / i
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (w, h)).save(file)
    assert scored(scores(), "--images", str(scored.at / "images"))["n"] == 5
    Image.new("RGB", (91, 97)).save(scored.at / "images" / "f.jpg")
    said = scored.refused(folder_of(scores(), scored.at / "again"), "--images", str(scored.at / "images"))
    assert "image 'f.jpg' is 91x97 pixels, but its annotation is for 90x97" in said


# the run


def test_graph_cuts_get_their_pixels(scored: Scored) -> None:
    rng = np.random.default_rng(0)
    for i, (w, h) in SIZES.items():
        file = scored.at / "images" / i
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(file)
    images = ["--images", str(scored.at / "images")]
    deep = scored.values(raw_maps(), *images, protocol="layercam2021")
    plain = scored.rows
    assert deep == scored.values(raw_maps(), protocol="layercam2021")
    scored(raw_maps(), *images, "--shallow", "--name", "shallow", protocol="layercam2021")
    cut = scored.rows
    assert any(cut[i]["layercam2021/iou"] != plain[i]["layercam2021/iou"] for i in SIZES)


def test_rows_are_a_run_that_tables_read(scored: Scored) -> None:
    maps = folder_of(scores(), scored.at / "maps")
    scored(maps, "--name", "my maps")
    scored(maps, "--name", "my maps", protocol="choe2020_v2")
    folder = open_run("latest", scored.at / "runs")
    assert folder.name.startswith("score-my_maps-")
    assert main(["table", "latest", "--runs", str(scored.at / "runs"), "--json"]) == 0
    cells = json.loads(scored.capsys.readouterr().out)
    assert {cell["protocol"] for cell in cells} == {"choe2020_v1", "choe2020_v2"}
    assert {cell["variant"] for cell in cells} == {"my_maps"}
    assert main(["table", "latest", "--runs", str(scored.at / "runs")]) == 0
    assert "my_maps" in scored.capsys.readouterr().out


def test_the_same_maps_are_not_scored_again_and_changed_ones_are(scored: Scored) -> None:
    first = scored.values(scores())
    (run,) = (scored.at / "runs").iterdir()
    (file,) = RunFolder(run).path.glob("rows/*.parquet")
    made = file.stat().st_mtime_ns
    assert scored.values(scored.at / "maps") == first
    assert file.stat().st_mtime_ns == made
    scored({**scores(), "a.jpg": 1 - scores()["a.jpg"]})
    assert len(list((scored.at / "runs").iterdir())) == 2


def test_the_number_of_threads_and_shards_changes_no_row(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    scored(scores(), "--threads", "1", "--name", "one")
    rows = {i: {**r, "variant": ""} for i, r in scored.rows.items()}
    monkeypatch.setattr("wsol.scoring.SHARD", 2)
    scored(scores(), "--threads", "4", "--name", "four")
    assert {i: {**r, "variant": ""} for i, r in scored.rows.items()} == rows
    assert len(list(open_run("latest", scored.at / "runs").path.glob("rows/*.parquet"))) == 3


def test_a_protocol_and_a_metric_of_ones_own_are_one_file_each(scored: Scored) -> None:
    (scored.at / "my_protocol.py").write_text(
        "from wsol.protocols import Protocol, protocol\n"
        "protocol(Protocol(name='scored2026', tau=0.6, component='largest_rect', iou='plus1'))\n"
    )
    found = scored.values(scores(), "--with", str(scored.at / "my_protocol.py"), protocol="scored2026")
    assert set(found) == {"gt_known_loc"}
    (scored.at / "my_metric.py").write_text(
        "from wsol.metrics.base import mean, metric\n"
        "@metric('brightness2026', paper='me', year=2026, needs=('truth',), about='Mean of the map.')\n"
        "class Brightness:\n"
        "    '''Brightness.'''\n"
        "    power: float = 1.0\n"
        "    scores = (mean('bright', label='Bright'),)\n"
        "    def measure(self, case):\n"
        "        return {'bright': float((case.map01 ** self.power).mean())}\n"
    )
    with_it = ["--with", str(scored.at / "my_metric.py")]
    found = scored.values(scores(), *with_it, protocol="brightness2026")
    assert found["bright"] == pytest.approx(np.mean([m.mean() for m in scores().values()]))
    found = scored.values(scores(), *with_it, protocol="brightness2026[power=2.0]")
    assert found["bright"] == pytest.approx(np.mean([(m**2).mean() for m in scores().values()]))


def test_scoring_loads_no_torch(tmp_path: Path) -> None:
    maps = folder_of(scores(), tmp_path / "maps")
    words = [
        "score",
        "--maps",
        str(maps),
        "--annotations",
        str(TRUTH.metadata(tmp_path / "m")),
        "--runs",
        str(tmp_path),
    ]
    lines = [
        "from wsol.cli import main",
        "from wsol.lazy import is_loaded",
        f"assert main({[*words, '--protocol', 'choe2020_v2']}) == 0",
        "assert not is_loaded('torch')",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MaxBoxAcc" in done.stdout
