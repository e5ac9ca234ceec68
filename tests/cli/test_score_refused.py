"""Maps, annotations and predictions that `wsol score` refuses, each with its sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.cli.maps_scored import SIZES, TRUTH, Maps, Scored, Truth, folder_of, scores


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
    monkeypatch.setattr("wsol.maps.stored.DECIDED_BY", 2)  # a.jpg and b/0.jpeg
    high = folder_of(broken("f.jpg", scores()["f.jpg"] * 3), scored.at / "high")
    assert "the map of 'f.jpg' spans 0 to 3, outside [0, 1]; give --normalize always" in scored.refused(high)
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


@pytest.mark.parametrize(
    ("protocol", "other"),
    [
        ("choe2020_v1", "pxap"),
        ("energy_pointing", "energy_pointing[against=mask]"),
    ],
)
def test_masks_alone_have_no_boxes(protocol: str, other: str, scored: Scored) -> None:
    np.savez(scored.at / "masks.npz", **{i: np.eye(20, dtype=np.uint8) for i in SIZES})
    said = scored.refused(scores(), annotations=scored.at / "masks.npz", protocol=protocol)
    assert "5 of 5 images have no box" in said
    assert said.endswith(f"for masks use --protocol {other}")


def test_masks_without_an_object_give_no_number(scored: Scored) -> None:
    np.savez(scored.at / "masks.npz", **{i: np.zeros((20, 20), np.uint8) for i in SIZES})
    said = scored.refused(scores(), annotations=scored.at / "masks.npz", protocol="energy_pointing[against=mask]")
    assert "has no value for any of the 5 images" in said


@pytest.mark.parametrize(
    ("more", "protocol", "said"),
    [
        (
            ["--step", "0.01"],
            "gradcam2017",
            "--step 0.01 changes nothing: protocol gradcam2017 has its own threshold, tau=0.15",
        ),
        (["--step", "0.01"], "exact", "protocol exact is not quantized"),
        (["--step", "2"], "choe2020_v1", "argument --step: 2 is out of range; give 1e-06 or more and at most 0.5"),
        (["--threads", "0"], "choe2020_v1", "argument --threads: 0 is out of range; give 1 or more"),
        (["--view", "center"], "choe2020_v1", "nearest: 'centre'"),
        ([], "choe2020", "nearest: 'choe2020_v2'"),
        ([], "rise2018_single", "queries the network"),
        ([], "error_types", "needs to know whether the network was right: give --predictions FILE"),
        ([], "classification", "queries the network"),
        ([], "exact[refine=colour_cut]", "needs the pixels: give --images DIR"),
        (["--shallow"], "layercam2021", "needs the pixels: give --images DIR"),
        (["--predictions", "nowhere.csv"], "choe2020_v1", "nowhere.csv"),
        (["--classifier", "resnet50"], "choe2020_v1", "a network, which needs the pixels: give --images DIR"),
        (["--classifier", "a.csv", "--predictions", "b.csv"], "choe2020_v1", "give one of them"),
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
