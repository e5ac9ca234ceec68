"""Two small sets as right files, into which a test writes what should not be there, and how they are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wsol.datasets.formats.coco import Coco
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.errors import DataError

W, H = 20, 10


def coco(tmp_path: Path, *, images: Path | None = None, **changes: Any) -> Coco:
    """Two images with an object each; `changes` replace fields of the first annotation."""
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": W, "height": H} for n in (1, 2)],
        "annotations": [{"id": n, "image_id": n, "category_id": n, "bbox": [1, 2, 6, 5]} for n in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    content["annotations"][0] |= changes  # type: ignore[operator]
    (tmp_path / "ann.json").write_text(json.dumps(content))
    return Coco(images=images, annotations=tmp_path / "ann.json")


def lists(tmp_path: Path, **texts: str) -> WsolEvaluation:
    """One image in the format of wsolevaluation."""
    known = {"image_ids": "1.png", "class_labels": "1.png,0", "image_sizes": "1.png,20,10"}
    known |= {"localization": "1.png,1,2,7,7"} | texts
    for name, text in known.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return WsolEvaluation(images=None, metadata=tmp_path)


def refused(data: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:  # noqa: PT012
        data.samples()
        data.mask(data.samples()[0])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800
