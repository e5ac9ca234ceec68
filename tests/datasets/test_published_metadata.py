"""The lists that wsolevaluation publishes, read where they are at hand: their counts, and masks as its loader has them.

Handbook, protocols.md, 17.1.
"""

from __future__ import annotations

import time

import numpy as np
import PIL.Image
import pytest

from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.stores.base import FolderStore
from wsol.views import mask_on_canvas, view_named


@pytest.fixture
def images_elsewhere(monkeypatch):
    """The images of published metadata are not here: don't look for them."""
    monkeypatch.setattr(FolderStore, "check", lambda *_: None)
    monkeypatch.setattr(FolderStore, "sizes", lambda _, names, **__: [(1, 1)] * len(names))


@pytest.fixture
def metadata(shared):
    folder = shared / "data" / "wsolevaluation_metadata"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    return folder


@pytest.mark.parametrize(
    ("split", "images", "boxes", "multiple", "most"),
    [
        ("ILSVRC/test", 50000, 80477, 11715, 20),
        ("ILSVRC/val", 10000, 18532, 2052, 259),
        ("CUB/test", 5794, 5794, 0, 1),
        ("CUB/val", 1000, 1000, 0, 1),
        ("CUB/train", 5994, 5994, 0, 1),
    ],
)
def test_published_splits_have_their_published_counts(split, images, boxes, multiple, most, metadata, images_elsewhere):
    data = WsolEvaluation(images=str(metadata), metadata=str(metadata / split))
    clock = time.process_time()
    samples = data.samples()
    assert time.process_time() - clock < 10  # it takes one second; a parser that is quadratic takes minutes
    counts = [len(s.boxes_xyxy) for s in samples]
    assert (len(samples), sum(counts), sum(c > 1 for c in counts), max(counts)) == (images, boxes, multiple, most)


def test_published_masks_have_their_published_counts(metadata, images_elsewhere):
    data = WsolEvaluation(images=str(metadata), metadata=str(metadata / "OpenImages" / "test"))
    assert len(data.samples()) == 5000
    assert sum(map(len, data._mask_files.values())) == 7632


def test_the_open_subset_of_ilsvrc_opens(shared):
    folder = shared / "data" / "ilsvrc_open"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    data = WsolEvaluation(images=str(folder / "images"), metadata=str(folder / "metadata"))
    samples = data.samples()
    assert len(samples) == 909
    assert all(data.image(sample).size == sample.size_wh for sample in samples[::40])


@pytest.mark.parametrize("group", range(4))
def test_masks_are_merged_as_the_published_loader_does(group, shared, tmp_path):
    """clovaai/wsolevaluation's get_mask, of one to three instances and an ignore mask, at 224 x 224."""
    with np.load(shared / "golden" / "pxap_choe2020.npz") as golden:
        parts = {name: golden[name] for name in golden.files if name.startswith(f"png{group}_")}
        expected = golden["get_mask_result"][group]
    for name, mask in parts.items():
        PIL.Image.fromarray(mask).save(tmp_path / f"{name}.png")
    height, width = parts[f"png{group}_ignore"].shape
    instances = sorted(name for name in parts if "instance" in name)
    lines = [f"i.png,{name}.png,{f'png{group}_ignore.png' if not n else ''}" for n, name in enumerate(instances)]
    texts = {"image_ids": "i.png", "class_labels": "i.png,0", "image_sizes": f"i.png,{width},{height}"}
    for name, text in {**texts, "localization": "\n".join(lines)}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    data = WsolEvaluation(images=None, metadata=tmp_path, masks=tmp_path)
    (sample,) = data.samples()
    merged = mask_on_canvas(data.mask(sample), view_named("squash", 224).layout(sample.size_wh))
    np.testing.assert_array_equal(merged, expected)
