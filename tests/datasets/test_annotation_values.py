"""Annotations and predictions that hold what they should not: refused in a sentence, or converted by a rule."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from tests.datasets.plain_sets import H, W, coco, lists, refused
from wsol.datasets.adapt import PythonDataset
from wsol.datasets.annotations import read_annotations
from wsol.datasets.formats.folder import Folder
from wsol.datasets.predictions import read_predictions
from wsol.errors import DataError


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


# COCO


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": 2}, "the annotation id 2 stands twice"),
        ({"iscrowd": "no"}, "entry 0 of 'annotations'.*Expected bool . null, got str"),
        ({"bbox": [True, 2, 6, 5]}, "Expected float, got bool"),
        ({"bbox": [None, 2, 6, 5]}, "Expected float, got null"),
        ({"bbox": ["nan", 2, 6, 5]}, "not finite"),
        ({"bbox": [1, 2, -6, 5]}, "of negative size"),
        ({"image_id": [1]}, "Expected"),
        ({"image_id": "1"}, "has image_id '1', which the file doesn't list"),
        ({"image_id": 10**400}, "entry 0 of 'annotations'|a JSON file"),
        ({"bbox": [10**400, 2, 6, 5]}, "out of range"),
    ],
)
def test_a_field_of_another_type_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    refused(coco(tmp_path, **changes), said)


@pytest.mark.parametrize("crowd", [0, False, None, "0", "false"])
def test_written_numbers_and_truths_are_converted(crowd: Any, tmp_path: Path) -> None:
    data = coco(tmp_path, iscrowd=crowd, bbox=["1", 2.0, "6.0", 5])
    assert data.samples()[0].boxes_xyxy.tolist() == [[1, 2, 7, 7]]


@pytest.mark.parametrize(
    ("table", "field", "what"),
    [("images", "id", "image id"), ("categories", "id", "category id"), ("images", "file_name", "file_name")],
)
def test_ids_are_unique(table: str, field: str, what: str, tmp_path: Path) -> None:
    data = coco(tmp_path)
    content = json.loads((tmp_path / "ann.json").read_text())
    content[table][1][field] = content[table][0][field]
    (tmp_path / "ann.json").write_text(json.dumps(content))
    refused(data, f"the {what} .* stands twice in .*ann.json")


def test_a_row_id_that_another_image_has_is_refused(tmp_path: Path) -> None:
    lines = [
        "image_id,label,x0,y0,x1,y1,width,height",
        *(f"a,{n},1,2,7,7,20,10" for n in (0, 1)),
        "a#1,0,1,2,7,7,20,10",
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    refused(Folder(images=None, annotations=tmp_path / "a.csv"), "the image id 'a#1' stands twice")


RIGHT = [22, 5, 5, 5, H * W - 37]


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ({"size": [H, W], "counts": [22, 5]}, "add up to 27 pixels, and the image has 200"),
        ({"size": [H, W], "counts": [22, 5, 1000]}, "add up to 1027"),
        ({"size": [W, H], "counts": RIGHT}, r"size is \[20, 10\], and the image's is \[10, 20\], height first"),
        ({"size": [10**6, 10**6], "counts": [10**12]}, "its size is"),
        ({"size": [H, W], "counts": [22, -5, 183]}, "Expected int >= 0"),
        ({"size": [H, W], "counts": "2"}, "add up to 2 pixels"),
        ({"size": [H, W], "counts": "22~"}, "have the character"),
        ({"size": [H, W], "counts": "oooooooooooooooooooooo"}, "more than 60 bits|end within"),
        ([[1, 2, 3, 4, 5]], "has 5 numbers"),
        ([[1, 2, 3, 4]], "has 4 numbers"),
        ([[1, 2, 3, None, 5, 6]], "Expected float, got null"),
        ([[1, 2, "nan", 4, 5, 6]], "has the coordinate nan"),
        ([[1, 2, "inf", 4, 5, 6]], "has the coordinate inf"),
        ([[1, 2, 1e8, 4, 5, 6]], r"has the coordinate 1e\+08 in an image of 20x10"),
    ],
)
def test_a_segmentation_is_checked_before_it_is_drawn(segmentation: Any, said: str, tmp_path: Path) -> None:
    refused(coco(tmp_path, segmentation=segmentation), said)


def test_run_lengths_are_what_pycocotools_reads(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for share in (0.02, 0.3, 0.9):
        mask = np.asfortranarray(draw.random((H, W)) < share, np.uint8)
        packed = coco_mask.encode(mask)
        data = coco(tmp_path, segmentation={"size": [H, W], "counts": packed["counts"].decode()})
        assert np.array_equal(data.mask(data.samples()[0]), mask)
    data = coco(tmp_path, segmentation={"size": [H, W], "counts": RIGHT})
    found = data.mask(data.samples()[0])
    assert found is not None
    assert [int(n) for n in np.flatnonzero(found.T)] == [*range(22, 27), *range(32, 37)]


def test_the_cases_of_the_report_are_refused_or_right(shared: Path) -> None:
    """Those that were filed: what is refused has one sentence, what is read has the boxes of the plain file."""
    folder = shared / "cases" / "data"
    refusals = {
        "coco_odd": (
            *("bbox_empty", "bbox_nan", "bbox_null", "catid_list", "cat_null_name", "dup_image_other_id", "fn_abs"),
            *("fn_null", "fn_int", "imgid_dict", "imgid_list", "imgid_str", "toplist", "width_nan", "width_null"),
            "width_pxstr",
        ),
        "coco_dup_image_id": ("ann",),
        "csv_normalised": ("ann",),
    }
    plain = read_annotations(folder / "coco_odd" / "plain.json").samples()
    for place, names in refusals.items():
        for name in names:
            refused(read_annotations(folder / place / f"{name}.json"), ".")
    for name in (
        "bom",
        "utf16",
        "width_float",
        "width_str",
        "bbox_str",
        "imgid_allstr",
        "iscrowd_false",
        "iscrowd_null",
    ):
        samples = read_annotations(folder / "coco_odd" / f"{name}.json").samples()
        assert [s.boxes_xyxy.tolist() for s in samples] == [s.boxes_xyxy.tolist() for s in plain], name


# boxes, sizes, CSV


def test_boxes_within_0_and_1_are_refused_as_normalized(tmp_path: Path) -> None:
    said = "are within 0 to 1, first .* so they look normalized"
    text = "image_id,label,x0,y0,x1,y1,width,height\n1.png,0,0.1,0.1,0.5,0.9,640,480\n2.png,0,0,0,1,1,640,480"
    (tmp_path / "a.csv").write_text(text)
    refused(Folder(images=None, annotations=tmp_path / "a.csv"), said)
    refused(lists(tmp_path, localization="1.png,0,0,0.5,1"), said)
    item = (np.zeros((10, 20, 3), np.uint8), 0, [[0.1, 0.2, 0.3, 0.4]])
    refused(PythonDataset(items=[item]), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image_id,label,x0,y0,x1,y1,label\n", "the column 'label' stands twice in the header"),
        ("image_id,label,x0,y0,x1,y1\na,0,1,2,3,4,5", "line 2: .* has 7 fields, the header 6"),
        ("image_id,label,x0,y0,x1,y1\na,0,1,2,3", "line 2: .* has 5 fields"),
        ("image_id,label,x0,y0,x1,y1\na,0,1,2,3,true", "doesn't fit"),
        (f"image_id,label,x0,y0,x1,y1\na,0,1,2,3,{'9' * 5000}", "doesn't fit"),
        (f"image_id,label,x0,y0,x1,y1\n{'a' * 200000},0,1,2,3,4", "line 2 is not CSV: field larger"),
        ("image_id,label,x0,y0,x1,y1,width,height\na,0,1,2,3,4,1e30,5", "doesn't fit"),
        (f"image_id,label,x0,y0,x1,y1,{'w' * 5000}\na,0,1,2,3,b,5", r"doesn't fit image_id,.{,120}\.\.\. \(5027 char"),
        ("image_id,label,x0,y0,x1,y1,width,height\na,0,1,2,3,4,1000000,1000000", "at most 178956970 pixels"),
        ('image_id,label,x0,y0,x1,y1\n"a,0,1,2,3,4', "is not CSV"),
    ],
)
def test_a_csv_that_is_taken_as_something_else_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    refused(Folder(images=None, annotations=tmp_path / "a.csv"), said)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"class_labels": "1.png,0\n1.png,1"}, "the image id '1.png' stands twice in .*class_labels.txt"),
        ({"image_sizes": "1.png,20,10\n1.png,20,10"}, "stands twice in .*image_sizes.txt"),
        ({"class_labels": f"1.png,{'9' * 5000}"}, "should be image,whole number"),
        ({"localization": "1.png,1,2,7,inf"}, "not a number"),
    ],
)
def test_a_list_that_is_taken_as_something_else_is_refused(texts: dict[str, str], said: str, tmp_path: Path) -> None:
    refused(lists(tmp_path, **texts), said)


@pytest.mark.parametrize("label", [1.5, True, "1", None])
def test_labels_of_python_datasets_are_whole_numbers(label: Any) -> None:
    refused(PythonDataset(items=[(np.zeros((4, 4, 3), np.uint8), label)]), "expected a class index")


def test_a_python_mask_of_0_and_255_is_refused() -> None:
    """Masks in files may ignore all there is (OpenImages has such ones); in Python 255 is usually meant as 1."""
    mask = np.full((4, 5), 255, np.uint8)
    refused(PythonDataset(items=[(np.zeros((4, 5, 3), np.uint8), 0, mask)]), "write objects as 1")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.write_bytes(npy(np.ones((2, 2), np.uint8))), "holds a single array"),
        (lambda p: np.savez(p, a=np.ones((0, 2), np.uint8)), "is not \\(h, w\\) of 0, 1 and 255"),
        (lambda p: np.savez(p, a=np.array([{}, {}], object)), "holds Python objects, which are not read"),
        (lambda p: p.write_bytes(b"PK\x03\x04 cut short"), "not a readable .npz"),
        (lambda p: p.write_bytes(b""), "not a readable .npz"),
    ],
)
def test_an_npz_that_is_not_of_masks_is_refused(make: Any, said: str, tmp_path: Path) -> None:
    make(tmp_path / "m.npz")
    refused(read_annotations(tmp_path / "m.npz"), said)


# predictions


@pytest.mark.parametrize(
    ("lines", "ranks"),
    [
        (["1.png,cat", "2.png,Dog"], [0, 0]),
        (["1.png,cat", "2.png,bird"], [0, 1]),
        (["1.png,1", "2.png,2"], [0, 0]),  # 2 is no class index, so these are category ids
        (["1.png,0", "2.png,1.0"], [0, 0]),
    ],
)
def test_predictions_are_mapped_as_the_labels_are(lines: list[str], ranks: list[int], tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("\n".join(["image_id,top1", *lines]))
    found = read_predictions(tmp_path / "p.csv", coco(tmp_path))
    assert list(found.ranks.values()) == ranks


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["1.png,1", "2.png,1"], "can be class indices or category ids; write the classes' names"),
        (["1.png,7", "2.png,1"], "is not a class index nor a category id of the annotations: '7'"),
        ([f"1.png,{'a' * 5000}", "2.png,b"], r"first 'a{,90}\.\.\. \(5002 characters\), is one of"),
        (["1.png,bird", "2.png,cow"], "no class that is predicted, first 'bird', is one of the annotations'"),
        (["1.png", "2.png,1"], "has 1 fields, the header 2"),
        (["1.png,", "2.png,1"], "a class is missing"),
    ],
)
def test_predictions_without_a_match_are_refused(lines: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("\n".join(["image_id,top1", *lines]))
    with pytest.raises(DataError, match=said):
        read_predictions(tmp_path / "p.csv", coco(tmp_path))
