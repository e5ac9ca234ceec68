"""The images of ImageNet in the layouts that people have: which files there are, and the classes their names say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from wsol.datasets.fields import short, whole_number
from wsol.datasets.labels import wnids
from wsol.datasets.listing import for_each, listing
from wsol.datasets.stores.remote_path import AnyPath
from wsol.datasets.tars import TarPack, first_members
from wsol.errors import DataError

WNID = re.compile(r"n\d{8}")
VAL = re.compile(r"ILSVRC2012_val_\d{8}")
TRAIN = re.compile(r"(n\d{8})_\d+")
SUFFIXED = re.compile(r"(.+)_(n\d{8})")  # ILSVRC2012_val_00000001_n01751748, as the archives on Hugging Face have it
PLACES = (  # folders of images, below a root
    "",
    "{split}",
    "ILSVRC2012_img_{split}",
    "images",
    "images/{split}",
    "ILSVRC/Data/CLS-LOC/{split}",
    "Data/CLS-LOC/{split}",
    "ILSVRC2012/{split}",
)


@dataclass(frozen=True, slots=True)
class Found:
    """An image: its id (``ILSVRC2012_val_00000001``), its file below the root, and its class where names say it."""

    image_id: str
    file: str
    wnid: str = ""


@dataclass(frozen=True, slots=True)
class Images:
    """All images of a split, and the archives that hold them, where they are in archives."""

    found: tuple[Found, ...]
    pack: TarPack | None = None


class _Beside(msgspec.Struct):
    """What is read of the JSON beside an image in a shard."""

    filename: str = ""


def find_images(root: AnyPath, split: str) -> Images:
    """The images of the first place that has some: files in it or in folders of WordNet ids, or else tar archives."""
    places = [root / place.format(split=split) for place in PLACES]
    for place in places:
        if found := tuple(_in_folder(place, root, split)):
            return Images(found)
    for place in places:
        if archives := [place / name for name in listing(place).files if name.endswith(".tar")]:
            pack = TarPack(archives)
            return Images(tuple(_in_archive(name, pack) for name in sorted(pack.images)), pack)
    return Images(())


def has_images(root: AnyPath, split: str) -> bool:
    """Whether `find_images` would find ImageNet's, by a look at names and at the beginning of one archive."""
    for place in (root / place.format(split=split) for place in PLACES):
        inside = listing(place)
        if any(VAL.match(name) for name in inside.images):
            return True
        classes = [name for name in inside.folders if WNID.fullmatch(name)]
        if classes and classes[0] in wnids() and listing(place / classes[0]).images:
            return True
        archives = [name for name in inside.files if name.endswith(".tar")]
        if archives and any(VAL.search(name) or name.endswith(".cls") for name in first_members(place / archives[0])):
            return True
    return False


def _in_folder(place: AnyPath, root: AnyPath, split: str) -> Iterator[Found]:
    inside = listing(place)
    prefix = place.relative_to(root).as_posix() + "/" if place != root else ""  # type: ignore[arg-type]
    for name in inside.images:
        stem = PurePosixPath(name).stem
        if split == "train" and (of_training := TRAIN.fullmatch(stem)):
            yield Found(stem, prefix + name, of_training[1])
        elif split == "val" and VAL.match(stem):
            suffixed = SUFFIXED.fullmatch(stem)
            yield Found(suffixed[1] if suffixed else stem, prefix + name, suffixed[2] if suffixed else "")
    classes = [folder for folder in inside.folders if WNID.fullmatch(folder)]
    listings = for_each(listing, [place / folder for folder in classes])
    for folder, its in zip(classes, listings, strict=True):
        for name in its.images:
            suffixed = SUFFIXED.fullmatch(PurePosixPath(name).stem)
            yield Found(suffixed[1] if suffixed else PurePosixPath(name).stem, f"{prefix}{folder}/{name}", folder)


def _in_archive(name: str, pack: TarPack) -> Found:
    """An image of a shard: its name, or the one in the JSON beside it; its class from ``.cls``, its name or folder."""
    path = PurePosixPath(name)
    key = name.removesuffix(path.suffix)
    stem = path.stem
    if not VAL.match(stem) and (beside := pack.text(f"{key}.json")) is not None:
        stem = PurePosixPath(_filename(beside, key)).stem or stem
    suffixed = SUFFIXED.fullmatch(stem)
    if (written := pack.text(f"{key}.cls")) is not None:
        number, known = whole_number(written), list(wnids())
        if number is None or not 0 <= number < len(known):
            raise DataError(f"{key}.cls holds {short(written)}; expected a class index of ImageNet, 0 to 999")
        wnid = known[number]
    else:
        wnid = path.parent.name if WNID.fullmatch(path.parent.name) else suffixed[2] if suffixed else ""
    return Found(suffixed[1] if suffixed else stem, name, wnid)


def _filename(text: str, key: str) -> str:
    try:
        return msgspec.json.decode(text, type=_Beside).filename
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise DataError(f"{short(key + '.json')} can't be read: {error}") from error
