"""A few images with boxes, maps for them, and `wsol score` called on both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from wsol.cli import main
from wsol.runs.find import open_run

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
