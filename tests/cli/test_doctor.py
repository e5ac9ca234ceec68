"""`wsol doctor`: the installation and the data. A method of one's own: test_plugins.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import PIL.Image
import pytest

from tests.datasets.prepare.archives import drawn
from wsol.cli import main
from wsol.diagnosis.labels import _names


def lines(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> list[tuple[str, str]]:
    """What the doctor prints: (state, text) of each line."""
    assert main(["doctor", *words]) == code
    printed = capsys.readouterr().out.splitlines()
    return [(line[:5].strip(), line[5:]) for line in printed]


def test_the_installation_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys)
    assert {state for state, _ in printed} <= {"ok", "note"}
    assert {"torch and torchvision fit each other", "boxes: the compiled sweep works"} <= {t for _, t in printed}


def test_weights_that_are_not_there_are_bad(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys, "model=shapes_gap", "model.weights=nowhere.pth", code=1)
    (bad,) = [text for state, text in printed if state == "bad"]
    assert "nowhere.pth" in bad


def test_input_stages_and_head_of_a_network_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    notes = [text for state, text in lines(capsys, "model=shapes_vgg") if state == "note"]
    assert "input: 128 x 128, RGB in [0, 1] less (0.44, 0.44, 0.41), over (0.2, 0.19, 0.19)" in notes
    assert any(text.startswith("stages: stage1 features.1 8 x 128 x 128, stage2 features.4 16 x 64") for text in notes)
    assert "head behind features.17: none that is linear; cam does not apply, gradcam does" in notes
    words = ("model=shapes_vgg_gap", "model.weights=random", "model.head=spg", "model.grid=8")
    printed = lines(capsys, *words)
    assert ("note", "head behind SPG_A_3: average pooling and one linear layer") in printed


def test_each_finding_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys, "model=shapes_gap", "method=[gradcam,gradcam]")
    assert len(printed) == len(set(printed))
    chosen = [text for state, text in printed if state == "ok" and text.startswith(("model", "method"))]
    assert chosen[0] == "model shapes_gap: 10 classes, weights embedded:1f65491e2144"
    assert chosen[1].startswith("method gradcam@stage5 keeps the ")
    assert len(chosen) == 2


def test_drawn_images_are_counted_and_three_opened(capsys: pytest.CaptureFixture[str]) -> None:
    printed = lines(capsys, "dataset=shapes", "dataset.limit=3")
    texts = [text for state, text in printed if state == "ok"]
    assert any(text.startswith("dataset shapes: 3 samples, ") for text in texts)
    assert texts[-1] == "first, middle and last image open: test/00000, test/00001, test/00002"


@pytest.mark.full
def test_a_run_is_predicted_by_variants_and_stages(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["dataset=shapes", "dataset.n=40", "model=shapes_gap", "method=[gradcam,centergauss]", "metric=[]"]
    assert main(["doctor", *words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sound"] is True
    texts = {finding["about"]: finding["text"] for finding in report["findings"]}
    right = re.match(r"on (\d+) of 32 images the network's first class is the label", texts["labels"])
    assert right is not None
    assert int(right[1]) > 25  # it was trained for these images
    about_run = [finding["text"] for finding in report["findings"] if finding["about"] == "run"]
    assert about_run[0].startswith("40 images, 2 variants: about ")
    assert "measured on 16 of them just now, on cpu" in about_run[0]
    assert about_run[1].startswith("memory: about ")
    assert about_run[2].startswith("disk: rows take at most about ")
    assert [row["variant"] for row in report["variants"]] == ["gradcam@stage5", "centergauss"]
    assert all(row["images"] == 40 and row["seconds alone"] > 0 for row in report["variants"])
    assert {"network"} <= {row["stage"] for row in report["stages"]}
    assert sum(row["share"] for row in report["stages"]) <= 1.0001


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dataset=shapez"], "there is no dataset 'shapez'; nearest: 'shapes'"),
        (["model=shapes_gapp"], "there is no model 'shapes_gapp'"),
        (["method=[gradcm]"], "there is no method 'gradcm'"),
        (["dataset=shapes", "dataset.limt=3"], "there is no option 'dataset.limt'"),
        (["dataset=shapes", "dataset.limit=0"], "dataset.limit=0"),
        (["method=[gradcam@nowhere]"], "nowhere"),
    ],
)
def test_bad_usage_exits_with_2(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *words]) == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Twenty-four drawn images of three classes, each with a box; the words that choose them."""
    rows = ["image_id,label,x0,y0,x1,y1,width,height"]
    for n in range(24):
        content = drawn(n)
        (tmp_path / f"{n:02d}.jpg").write_bytes(content)
        rows.append(f"{n:02d}.jpg,{n % 3},1,1,9,9,16,{12 + n % 5}")
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    return ["dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path / 'boxes.csv'}"]


def test_every_image_is_opened_and_compared_with_its_annotation(
    photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    printed = lines(capsys, *photos)
    assert printed[-2:] == [
        ("ok", "dataset folder: 24 samples, 3 classes, 24 boxes"),
        ("ok", "all 24 images open, each of the size of its annotation"),
    ]
    quick = lines(capsys, *photos, "--quick")
    assert quick[-1] == ("ok", "first, middle and last image open: 00.jpg, 12.jpg, 23.jpg")


def test_damaged_images_and_wrong_sizes_are_listed(
    photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "03.jpg").write_bytes(drawn(3)[:200])
    (tmp_path / "05.jpg").write_bytes(b"")
    (tmp_path / "07.jpg").write_bytes(drawn(8))
    bad = [text for state, text in lines(capsys, *photos, code=1) if state == "bad"]
    assert [text.partition(":")[0] for text in bad] == [
        "image '03.jpg' is damaged",
        "image '05.jpg' is damaged",
        "image '07.jpg' is 16x15 pixels, but its annotation is for 16x14",
    ]
    (tmp_path / "07.jpg").write_bytes(drawn(7))
    skipped = lines(capsys, *photos, "dataset.damaged=skip")
    assert ("note", "image '05.jpg' is damaged: not an image") in skipped
    assert any(text.startswith("2 damaged images are left out of all rows") for _, text in skipped)


def test_many_damaged_images_are_counted(photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(23):
        (tmp_path / f"{n:02d}.jpg").write_bytes(b"")
    bad = [text for state, text in lines(capsys, *photos, code=1) if state == "bad"]
    assert len(bad) == 21
    assert bad[-1] == "... and 3 more; --json lists all"
    assert main(["doctor", *photos, "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert sum("is damaged" in finding["text"] for finding in findings) == 23


def test_the_first_missing_image_is_named(
    photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "04.jpg").unlink()
    (tmp_path / "11.jpg").unlink()
    bad = [text for state, text in lines(capsys, *photos, code=1) if state == "bad"]
    assert bad == [f"2 of 24 images are missing under dataset.images={tmp_path}, first '04.jpg'"]


def test_labels_in_another_order_than_the_networks_are_bad(
    photos: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [text for state, text in lines(capsys, *photos, "model=shapes_gap", "--quick", code=1) if state == "bad"]
    (sentence,) = bad  # noise is classified no better than by chance
    assert "of 24 images the network's first class is the label" in sentence
    assert "no more than a guess would give: the labels may be in another order" in sentence


def test_names_of_classes_at_another_index_are_bad() -> None:
    (moved,) = _names([0, 1, 2], ["Cat", "dog", "ant"], ["ant", "cat", "dog"])
    assert moved.state == "bad"
    assert "3 of 3 class names are at another index in the network, first 'Cat': label 0 of the data, 1" in moved.text
    (same,) = _names([0, 2], ["Great_White Shark", "?", "ant"], ["great white shark", "cat", "ant"])
    assert (same.state, same.text) == ("ok", "2 of 2 class names are the network's, at the same index")
    assert list(_names([0], [], ["ant"])) == []


def test_names_of_labels_are_printed_with_their_class_indices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["image_id,label,x0,y0,x1,y1"]
    for name in ("dog", "cat", "bird"):
        PIL.Image.new("RGB", (32, 24)).save(tmp_path / f"{name}.png")
        rows.append(f"{name}.png,{name},1,1,9,9")
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    where = ["dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path / 'boxes.csv'}"]
    assert ("note", "labels are names, as class indices: 0 bird, 1 cat, 2 dog") in lines(capsys, *where)


def test_what_is_wrong_is_bad_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["dataset=folder", f"dataset.images={tmp_path}", f"dataset.annotations={tmp_path / 'no.csv'}"]
    bad = [text for state, text in lines(capsys, *where, code=1) if state == "bad"]
    assert len(bad) == 1
    assert "there is no file for dataset.annotations: " in bad[0]
