"""Pixels of images and masks: every type has its greys, other contents are another dataset, and turns are known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.datasets.plain_sets import H, W, lists
from wsol.datasets.formats.folder import Folder
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.errors import DataError


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
