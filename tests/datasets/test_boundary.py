"""What files hold that they should not: refused in one sentence, or converted by a stated rule."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from pycocotools import mask as coco_mask

from tests.datasets.conftest import paint
from wsol.datasets.adapt import PythonDataset
from wsol.datasets.annotations import read_annotations
from wsol.datasets.formats.coco import Coco
from wsol.datasets.formats.folder import Folder
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.predictions import read_predictions
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


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def refused(data: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:  # noqa: PT012
        data.samples()
        data.mask(data.samples()[0])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 800


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


# pixels


def write_image(path: Path, values: np.ndarray) -> None:
    PIL.Image.fromarray(values).save(path)


def opened(tmp_path: Path, name: str, values: np.ndarray) -> np.ndarray:
    write_image(tmp_path / name, values)
    text = f"image_id,label,x0,y0,x1,y1\n{name},0,1,2,7,7"
    (tmp_path / "a.csv").write_text(text)
    data = Folder(images=tmp_path, annotations=tmp_path / "a.csv")
    return np.asarray(data.image(data.samples()[0]))[..., 0]


RAMP = np.linspace(0, 1, H * W).reshape(H, W)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a.tiff", RAMP.astype(np.float32)),
        ("a.tiff", (RAMP * 255).astype(np.float32)),
        ("a.tiff", np.rint(RAMP * 255).astype(np.int32)),
        ("a.tiff", np.rint(RAMP * 65535).astype(np.int32)),
        ("a.png", np.rint(RAMP * 65535).astype(np.uint16)),
        ("a.tiff", np.rint(RAMP * 65535).astype(np.uint16)),
        ("a.png", np.rint(RAMP * 255).astype(np.uint8)),
    ],
)
def test_images_of_every_type_have_their_greys(name: str, values: np.ndarray, tmp_path: Path) -> None:
    assert np.abs(opened(tmp_path, name, values) - RAMP * 255).max() <= 1


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("a.png", np.rint(RAMP * 4095).astype(np.uint16), "16 bits span 0 to 4095"),
        ("a.tiff", np.rint(RAMP * 255).astype(np.uint16), "16 bits span 0 to 255"),
        ("a.tiff", np.rint(RAMP * 1e6).astype(np.int32), r"span 0 to 1e\+06"),
        ("a.tiff", (RAMP * 2 - 1).astype(np.float32), "span -1 to 1"),
        ("a.tiff", (RAMP * np.nan).astype(np.float32), "span nan to nan"),
    ],
)
def test_images_without_a_known_scale_are_refused_and_never_black(
    name: str, values: np.ndarray, said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said):
        opened(tmp_path, name, values)


@pytest.mark.parametrize("kind", ["uint16", "int32", "float32", "uint8", "palette", "rgb", "bool"])
def test_any_nonzero_value_of_a_mask_is_object(kind: str, tmp_path: Path) -> None:
    box = np.zeros((H, W), bool)
    box[2:7, 1:7] = True
    at = tmp_path / ("m.tiff" if kind in ("int32", "float32") else "m.png")
    if kind == "palette":
        image = PIL.Image.fromarray(box.astype(np.uint8), "P")
        image.putpalette([0, 0, 0, 0, 0, 1])
        image.save(at)
    elif kind == "rgb":
        write_image(at, np.stack([box * 0, box * 0, box * 1], -1).astype(np.uint8))
    else:
        write_image(at, box.astype(kind))
    data = lists(tmp_path, localization=f"1.png,{at.name},")
    data = WsolEvaluation(images=None, metadata=tmp_path, masks=tmp_path)
    assert np.array_equal(data.mask(data.samples()[0]), box)


# what files hold decides


@pytest.mark.parametrize("suffix", ["bmp", "tiff", "png"])
def test_an_image_of_as_many_bytes_is_another_dataset(suffix: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
    name = f"a.{suffix}"
    (tmp_path / "a.csv").write_text(f"image_id,label,x0,y0,x1,y1\n{name},0,1,2,7,7")

    def data() -> Folder:
        return Folder(images=tmp_path, annotations=tmp_path / "a.csv")

    PIL.Image.fromarray(values).save(tmp_path / name, **({"compress_level": 0} if suffix == "png" else {}))
    first, before, stat = data(), (tmp_path / name).stat().st_size, (tmp_path / name).stat()
    print_before, stamp_before = first.fingerprint(), first.stamp(first.samples()[0])
    PIL.Image.fromarray(255 - values).save(tmp_path / name, **({"compress_level": 0} if suffix == "png" else {}))
    os.utime(tmp_path / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as rsync -t leaves it
    assert (tmp_path / name).stat().st_size == before
    assert data().fingerprint() != print_before
    assert data().stamp(data().samples()[0]) != stamp_before
    with pytest.raises(DataError, match="was changed during the run"):
        first.image(first.samples()[0])


def test_a_mask_of_as_many_bytes_is_another_dataset(tmp_path: Path) -> None:
    write_image(tmp_path / "m.bmp", np.eye(H, W, dtype=np.uint8))
    lists(tmp_path, localization="1.png,m.bmp,")
    made = lambda: WsolEvaluation(images=None, metadata=tmp_path, masks=tmp_path)  # noqa: E731
    first = made()
    prints = first.fingerprint(), first.stamp(first.samples()[0])
    write_image(tmp_path / "m.bmp", 1 - np.eye(H, W, dtype=np.uint8))
    second = made()
    assert second.fingerprint() != prints[0]
    assert second.stamp(second.samples()[0]) != prints[1]
    with pytest.raises(DataError, match="was changed during the run"):
        first.mask(first.samples()[0])


# names, links and turns


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../b.png", "..\\b.png", "C:/b.png", "a\0b"])
def test_names_that_leave_the_folder_are_refused_unless_allowed(name: str, tmp_path: Path) -> None:
    content = json.loads((tmp_path / "ann.json").read_text()) if coco(tmp_path) else {}
    content["images"][0]["file_name"] = name
    (tmp_path / "ann.json").write_text(json.dumps(content))
    refused(Coco(images=None, annotations=tmp_path / "ann.json"), "leads out of the folder|can't be one")
    assert len(Coco(images=None, annotations=tmp_path / "ann.json", outside=True).samples()) == 2


def test_links_that_leave_the_folder_are_refused_unless_allowed(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    paint(tmp_path / "elsewhere" / "1.png", (W, H))
    paint(folder / "2.png", (W, H))
    (folder / "1.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    refused(coco(tmp_path, images=folder), "leads to .*elsewhere.*dataset.outside=true allows it")
    assert len(Coco(images=folder, annotations=tmp_path / "ann.json", outside=True).samples()) == 2
    (folder / "1.png").unlink()
    (folder / "1.png").symlink_to("2.png")
    assert len(coco(tmp_path, images=folder).samples()) == 2
    (folder / "1.png").unlink()
    (folder / "1.png").symlink_to("gone.png")
    refused(coco(tmp_path, images=folder), "is a link to gone.png, which is not there")


@pytest.mark.parametrize(
    ("there", "written", "hint"),
    [
        ("cafe\u0301.png", "caf\u00e9.png", "another Unicode form"),
        ("1.PNG", "1.png", "other capitals"),
        ("sub/1.png", "sub\\1.png", "write '/' for"),
    ],
)
def test_a_name_that_differs_in_form_alone_is_hinted_at(there: str, written: str, hint: str, tmp_path: Path) -> None:
    paint(tmp_path / "images" / there, (W, H))
    (tmp_path / "a.csv").write_text(f"image_id,label,x0,y0,x1,y1\n{written},0,1,2,7,7")
    refused(Folder(images=tmp_path / "images", annotations=tmp_path / "a.csv"), hint)


@pytest.mark.parametrize("make", [os.mkfifo, lambda p: p.mkdir(), lambda p: p.symlink_to("gone")])
def test_pipes_folders_and_dangling_links_in_a_files_place_are_refused(make: Any, tmp_path: Path) -> None:
    make(tmp_path / "a.csv")
    refused(Folder(images=None, annotations=tmp_path / "a.csv"), r"a\.csv")
    with pytest.raises(DataError, match=r"a\.csv"):
        read_annotations(tmp_path / "a.csv")
    folder = tmp_path / "images"
    folder.mkdir()
    make(folder / "1.png")
    (tmp_path / "b.csv").write_text("image_id,label,x0,y0,x1,y1\n1.png,0,1,2,7,7")
    refused(Folder(images=folder, annotations=tmp_path / "b.csv"), "1.png")


def test_a_path_that_is_too_long_is_refused() -> None:
    refused(Folder(images=None, annotations=Path("a" * 400)), "can't be read")


@pytest.mark.parametrize("name", ["a" * 400, "b\\" + "a" * 400, "b/" + "a" * 5000])
def test_an_image_whose_name_is_too_long_is_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "images" / "inner").mkdir(parents=True)
    (tmp_path / "a.csv").write_text(f"image_id,label,x0,y0,x1,y1,width,height\n{name},0,1,2,3,4,9,9")
    refused(Folder(images=tmp_path / "images", annotations=tmp_path / "a.csv"), "1 of 1 images are missing")


def test_a_turned_photograph_is_read_as_stored_or_upright(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = np.zeros((H, W, 3), np.uint8)
    values[:, : W // 2] = 200
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn right by 90 degrees
    PIL.Image.fromarray(values).save(tmp_path / "1.png", exif=exif)
    (tmp_path / "a.csv").write_text("image_id,label,x0,y0,x1,y1\n1.png,0,1,2,7,7")
    stored = Folder(images=tmp_path, annotations=tmp_path / "a.csv")
    assert stored.image(stored.samples()[0]).size == (W, H)
    assert "dataset.upright=true turns such images" in caplog.text
    upright = Folder(images=tmp_path, annotations=tmp_path / "a.csv", upright=True)
    image = np.asarray(upright.image(upright.samples()[0]))
    assert image.shape[:2] == (W, H)
    assert image[0, 0, 0] == 200
    assert image[-1, 0, 0] == 0
    assert stored.fingerprint() != upright.fingerprint()
    sized = "image_id,label,x0,y0,x1,y1,width,height\n1.png,0,1,2,7,7,10,20"
    (tmp_path / "b.csv").write_text(sized)
    wrong = Folder(images=tmp_path, annotations=tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"its EXIF tag turns it, so try dataset\.upright=true"):
        wrong.image(wrong.samples()[0])
