"""Damaged images: refused, or left out and said so; and what becomes of every kind of sound one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.datasets import trees
from tests.datasets.prepare.archives import drawn, write
from wsol.datasets.formats.folder import Folder
from wsol.datasets.formats.pets import Pets
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.errors import DataError

CUT = drawn(2)[:300]


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Folder]:
    """A folder of images, with a box on each; files are given by their content."""

    def made(contents: dict[str, bytes], *, sized: bool = False, **options: object) -> Folder:
        rows = ["image_id,label,x0,y0,x1,y1" + ",width,height" * sized]
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
            rows.append(f"{name},0,1,1,9,9" + ",16,14" * sized)
        (tmp_path / "boxes.csv").write_text("\n".join(rows))
        return Folder(images=tmp_path, annotations=tmp_path / "boxes.csv", **options)  # type: ignore[arg-type]

    return made


def damage_of(data: Folder) -> dict[str, str]:
    """By file name, why an image can't be decoded."""
    return {name: one.damage for name, one in data.decoded().items() if one.damage}


@pytest.mark.parametrize(
    "damaged", [CUT, b"", b"<html>", drawn(2, "PNG")[:200]], ids=["cut", "empty", "web page", "png"]
)
def test_damaged_images_are_left_out_and_counted(damaged: bytes, folder: Callable[..., Folder]) -> None:
    data = folder({"0.jpg": drawn(0), "1.jpg": damaged, "2.jpg": drawn(7)}, damaged="skip")
    assert [sample.image_id for sample in data.samples()] == ["0.jpg", "2.jpg"]
    (reason,) = damage_of(data).values()
    assert reason
    assert data.notes() == (
        f"1 damaged image is left out of all rows (dataset.damaged=skip), first '1.jpg' ({reason}).",
    )
    for sample in data.samples():
        assert data.image(sample).size == sample.size_wh


def test_without_the_policy_a_damaged_image_is_an_error_that_names_it(folder: Callable[..., Folder]) -> None:
    contents = {"0.jpg": drawn(0), "1.jpg": CUT}
    data = folder(contents)
    assert data.notes() == ()
    with pytest.raises(
        DataError, match=r"image '1.jpg' can't be read: .*; dataset.damaged=skip leaves such images out$"
    ):
        data.image(data.samples()[1])
    with pytest.raises(
        DataError, match=r"image '1.jpg' can't be read: .*; dataset.damaged=skip leaves such images out$"
    ):
        folder({**contents, "1.jpg": b""}).samples()


def test_the_policy_is_part_of_a_runs_identity_and_not_of_an_images(folder: Callable[..., Folder]) -> None:
    contents = {"0.jpg": drawn(0), "1.jpg": drawn(1)}
    skip, fail = folder(contents, damaged="skip"), folder(contents)
    assert skip.notes() == ()
    assert skip.fingerprint() != fail.fingerprint()
    assert [skip.stamp(s) for s in skip.samples()] == [fail.stamp(s) for s in fail.samples()]


def test_a_set_of_damaged_images_alone_is_refused(folder: Callable[..., Folder]) -> None:
    with pytest.raises(DataError, match=r"all 2 images are damaged, first '0.jpg' \(.+\)$"):
        folder({"0.jpg": CUT, "1.jpg": b""}, damaged="skip").samples()


def test_an_image_is_decoded_once_and_again_when_its_content_changes(
    tmp_path: Path, folder: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSOL_CACHE", str(tmp_path / "cache"))
    decoded: list[str] = []
    reason = Folder._decode
    monkeypatch.setattr(Folder, "_decode", lambda data, name: (decoded.append(name), reason(data, name))[1])
    contents = {"0.jpg": drawn(0), "1.jpg": CUT}
    for _ in range(2):
        assert [*damage_of(folder(contents, damaged="skip"))] == ["1.jpg"]
    assert decoded == ["0.jpg", "1.jpg"]
    assert folder(contents, damaged="skip").decoded()["0.jpg"].size_wh == (16, 12)  # as remembered
    assert decoded == ["0.jpg", "1.jpg"]
    assert [*damage_of(folder({**contents, "1.jpg": drawn(1)}, damaged="skip"))] == []
    assert decoded == ["0.jpg", "1.jpg", "1.jpg"]


def test_equal_files_share_what_is_known_but_not_their_names(folder: Callable[..., Folder]) -> None:
    data = folder({"0.jpg": CUT, "1.jpg": CUT, "2.jpg": drawn(0)}, damaged="skip")
    reasons = damage_of(data)
    assert [*reasons] == ["0.jpg", "1.jpg"]
    assert not any(".jpg" in reason for reason in reasons.values())


def test_a_tree_with_boxes_of_masks_leaves_damaged_images_out_too(tmp_path: Path) -> None:
    trimap = np.full((12, 16), 2, np.uint8)
    trimap[3:6, 4:9] = 1
    names = ["Abyssinian_1", "Abyssinian_2", "Bengal_1"]
    for name in names:
        write(tmp_path, {f"images/{name}.jpg": drawn(0) if name != "Abyssinian_2" else b""})
        write(tmp_path, {f"annotations/trimaps/{name}.png": encoded(PIL.Image.fromarray(trimap), "PNG")})
    write(tmp_path, {"annotations/test.txt": b"Abyssinian_1 1 1 1\nAbyssinian_2 1 1 1\nBengal_1 2 1 2\n"})
    samples = Pets(root=tmp_path, damaged="skip").samples()
    assert [(s.image_id, s.boxes_xyxy.tolist()) for s in samples] == [
        ("images/Abyssinian_1.jpg", [[4, 3, 9, 6]]),
        ("images/Bengal_1.jpg", [[4, 3, 9, 6]]),
    ]
    with pytest.raises(DataError, match=r"Abyssinian_2.jpg' can't be read: .*dataset.damaged=skip"):
        Pets(root=tmp_path).samples()


def trimaps(tmp_path: Path, *, broken: bool) -> Pets:
    """Two images with boxes of masks, the second mask perhaps cut off."""
    levels = np.full((12, 16), 2, np.uint8)
    levels[3:6, 4:9] = 1
    whole = encoded(PIL.Image.fromarray(levels), "PNG")
    for name, content in {"Abyssinian_1": whole, "Bengal_1": whole[:60] if broken else whole}.items():
        write(tmp_path, {f"images/{name}.jpg": drawn(0), f"annotations/trimaps/{name}.png": content})
    write(tmp_path, {"annotations/test.txt": b"Abyssinian_1 1 1 1\nBengal_1 2 1 2\n"})
    return Pets(root=tmp_path, damaged="skip")


def test_an_image_whose_mask_is_damaged_is_left_out_too(tmp_path: Path) -> None:
    data = trimaps(tmp_path, broken=True)
    assert [(s.image_id, s.boxes_xyxy.tolist()) for s in data.samples()] == [
        ("images/Abyssinian_1.jpg", [[4, 3, 9, 6]])
    ]
    (note,) = data.notes()
    assert note.startswith("1 damaged mask is left out of all rows together with its image (dataset.damaged=skip), ")
    with pytest.raises(DataError, match=r"Bengal_1.png' can't be read \(.+\); dataset.damaged=skip leaves such images"):
        Pets(root=tmp_path).samples()
    assert trimaps(tmp_path, broken=False).notes() == ()


@pytest.mark.parametrize("with_images", [True, False])
def test_damaged_masks_of_lists_are_left_out_with_images_and_without(with_images: bool, tmp_path: Path) -> None:
    trees.openimages30k(tmp_path)
    images = tmp_path / "OpenImages"
    options = {"metadata": tmp_path / "metadata" / "OpenImages" / "test", "masks": images}
    whole = WsolEvaluation(images=images, **options)
    first, *others = whole.samples()
    name = whole.mask_files()[first.image_id][0]
    (images / name).write_bytes(b"<html>")
    data = WsolEvaluation(images=images if with_images else None, damaged="skip", **options)
    assert [s.image_id for s in data.samples()] == [s.image_id for s in others]
    assert data.notes() == (
        "1 damaged mask is left out of all rows together with its image (dataset.damaged=skip), first "
        f"'{name}' (not an image).",
    )
    failing = WsolEvaluation(images=images, **options)
    with pytest.raises(DataError, match=r"a mask of image .* can't be read: .*dataset.damaged=skip leaves such images"):
        failing.mask(first)


def test_a_missing_image_is_no_damaged_one(tmp_path: Path, folder: Callable[..., Folder]) -> None:
    data = folder({"0.jpg": drawn(0), "1.jpg": drawn(1)}, damaged="skip")
    (tmp_path / "1.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 2 images are missing"):
        data.samples()


def encoded(image: PIL.Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_every_kind_of_image_becomes_rgb_by_the_stated_rule(folder: Callable[..., Folder]) -> None:
    grey = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (14, 1))
    palette = PIL.Image.fromarray(grey // 128)
    palette = PIL.Image.frombytes("P", palette.size, palette.tobytes())
    palette.putpalette([10, 20, 30, 200, 100, 50])
    see_through = np.dstack([grey, grey, grey, np.zeros_like(grey)])
    ink = np.dstack([grey, np.zeros_like(grey), np.zeros_like(grey), np.full_like(grey, 51)])
    data = folder(
        {
            "cmyk.tif": encoded(PIL.Image.fromarray(ink, "CMYK"), "TIFF"),
            "grey.png": encoded(PIL.Image.fromarray(grey), "PNG"),
            "palette.png": encoded(palette, "PNG"),
            "rgba.png": encoded(PIL.Image.fromarray(see_through), "PNG"),
            "sixteen.png": encoded(PIL.Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
        }
    )
    pixels = {sample.image_id: np.asarray(data.image(sample)) for sample in data.samples()}
    repeated = np.dstack([grey] * 3)
    for name in ("grey.png", "rgba.png", "sixteen.png"):
        np.testing.assert_array_equal(pixels[name], repeated)
    np.testing.assert_array_equal(pixels["palette.png"][0, [0, -1]], [[10, 20, 30], [200, 100, 50]])
    assert pixels["cmyk.tif"][0, 0].tolist() == [204, 204, 204]  # 255 - ink, times 255 - black: 255 * 204 / 255
    assert pixels["cmyk.tif"][0, -1].tolist() == [12, 204, 204]  # 15 * 204 / 255
