"""Is the data what its annotations say? Counts, images that are missing or damaged, and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsol.datasets.files import FileDataset
from wsol.datasets.labels import label_mapping
from wsol.diagnosis.finding import Finding, listed
from wsol.evaluation.build import load_dataset

if TYPE_CHECKING:
    from wsol.datasets.base import Dataset, Sample


def dataset(node: Mapping[str, Any], *, quick: bool, most: int) -> Iterator[Finding]:
    """What is found of the dataset of a configuration node.

    Parameters
    ----------
    quick : open the first, middle and last image only; else all are decoded, or were before.
    most : damaged images, and those of a wrong size, that are listed.

    Raises
    ------
    DataError : annotations that don't fit, images that are missing: how many, and the first.
    """
    data = load_dataset(node)
    if isinstance(data, FileDataset) and not quick:
        fails = data.damaged == "fail"
        data = replace(data, damaged="skip")  # so that all damaged images are known
        yield _counts(data)
        yield from _decoded(data, fails=fails, most=most)
    else:
        yield _counts(data)
        first_middle_last = _few(data.samples())
        for sample in first_middle_last:
            data.image(sample)
        ids = ", ".join(sample.image_id for sample in first_middle_last)
        yield Finding("ok", "dataset", f"first, middle and last image open: {ids}")
        yield from (Finding("note", "dataset", note) for note in data.notes())
    if mapping := label_mapping(data):
        yield Finding("note", "dataset", f"labels are names, as class indices: {mapping}")


def _counts(data: Dataset) -> Finding:
    samples = data.samples()
    labels = len({sample.label for sample in samples})
    boxes = sum(len(sample.boxes_xyxy) for sample in samples)
    several = sum(len(sample.boxes_xyxy) > 1 for sample in samples)
    text = f"dataset {data.key}: {len(samples)} samples, {labels} classes, {boxes} boxes"
    text += f" ({several} samples with several)" if several else ""
    with_mask = sum(data.mask(sample) is not None for sample in _few(samples))
    text += ", masks" if with_mask else ""
    return Finding("ok", "dataset", text)


def _decoded(data: FileDataset, *, fails: bool, most: int) -> Iterator[Finding]:
    """Of every image: is it sound, and has it the size that its annotation says?"""
    decoded = data.decoded()
    if not decoded:
        yield Finding("note", "dataset", "no image was opened: dataset.images=null")
        return
    masks = data.decoded_masks()
    damage = [
        f"{what} {name!r} is damaged: {one.damage}"
        for what, files in (("image", decoded), ("mask", masks))
        for name, one in files.items()
        if one.damage
    ]
    yield from listed("bad" if fails else "note", "dataset", damage, most=most)
    if damage and fails:
        yield Finding("note", "dataset", "dataset.damaged=skip leaves these out of all rows, and says so")
    else:
        yield from (Finding("note", "dataset", note) for note in data.notes())
    sizes = ((s, decoded[data.file_name(s)].size_wh) for s in data.samples())
    wrong = [
        f"image {sample.image_id!r} is {_size(size)} pixels, but its annotation is for {_size(sample.size_wh)}"
        for sample, size in sizes
        if size is not None and size != sample.size_wh
    ]
    yield from listed("bad", "dataset", wrong, most=most)
    if not damage and not wrong:
        also = f", and all {len(masks)} mask files" if masks else ""
        yield Finding("ok", "dataset", f"all {len(decoded)} images open, each of the size of its annotation{also}")


def _size(size_wh: tuple[int, int]) -> str:
    return "x".join(map(str, size_wh))


def _few(samples: Sequence[Sample]) -> list[Sample]:
    """The first, the middle and the last one, each once."""
    return [samples[place] for place in sorted({0, len(samples) // 2, len(samples) - 1})]
