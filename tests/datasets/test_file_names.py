"""Names of files that leave the folder, differ in form, are too long, or name a link, a pipe or a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.conftest import paint
from tests.datasets.plain_sets import H, W, coco, refused
from wsol.datasets.annotations import read_annotations
from wsol.datasets.formats.coco import Coco
from wsol.datasets.formats.folder import Folder
from wsol.errors import DataError


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
