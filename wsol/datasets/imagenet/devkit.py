"""The development kit of ILSVRC: validation labels by its own class ids, and the blacklist.

Its ids are not in the order of WordNet ids, in which networks count: image 1 is of id 490, and of class 65. The id's
WordNet id is in ``map_clsloc.txt`` (kits from 2014 on) or ``meta.mat``; ``meta.bin``, torchvision's pickled copy, is
never loaded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from wsol.datasets.fields import read_bytes, read_lines, short, whole_number
from wsol.datasets.listing import listing
from wsol.datasets.stores.remote_path import AnyPath
from wsol.errors import DataError

PLACES = ("", "data", "devkit/data", "ILSVRC/devkit/data")
TRUTH = re.compile(r"ILSVRC20\d\d_(clsloc_)?validation_ground_truth\.txt")
BLACKLIST = re.compile(r"ILSVRC20\d\d_(clsloc_)?validation_blacklist\.txt")
CLASSES = "map_clsloc.txt"
META = "meta.mat"
NUMBER = re.compile(r"ILSVRC2012_val_0*(\d+)")


@dataclass(frozen=True)
class Devkit:
    """The kit's files, wherever they are below a root."""

    root: AnyPath

    @cached_property
    def _folders(self) -> tuple[AnyPath, ...]:
        kits = [name for name in listing(self.root).folders if re.fullmatch(r"ILSVRC20\d\d_devkit\w*", name)]
        return tuple(self.root / place for place in (*PLACES, *(f"{kit}/data" for kit in kits), *kits))

    def _file(self, pattern: re.Pattern[str]) -> AnyPath | None:
        for folder in self._folders:
            for name in listing(folder).files:
                if pattern.fullmatch(name):
                    return folder / name
        return None

    @cached_property
    def truth_file(self) -> AnyPath | None:
        return self._file(TRUTH)

    @cached_property
    def blacklist_file(self) -> AnyPath | None:
        return self._file(BLACKLIST)

    def wnid_of(self, image_id: str) -> str:
        """The WordNet id of a validation image; empty without a kit. Raises DataError for one beyond its lines."""
        if self.truth_file is None:
            return ""
        number = _number(image_id, self.truth_file)
        if not 1 <= number <= len(self._ids):
            raise DataError(f"{self.truth_file} has {len(self._ids)} lines and so no label of {short(image_id)}")
        devkit_id = self._ids[number - 1]
        if devkit_id not in self._wnids:
            raise DataError(f"{self.truth_file}, line {number}: {devkit_id} is not an id of a class in the kit")
        return self._wnids[devkit_id]

    def blacklisted(self) -> frozenset[str]:
        """The image ids of the blacklist, which counts from 1. Raises DataError where there is none."""
        if self.blacklist_file is None:
            raise DataError(
                f"dataset.blacklist=leave_out needs ILSVRC2014_clsloc_validation_blacklist.txt of the development kit "
                f"under {self.root}, and it is not there; dataset.blacklist=score scores all images"
            )
        return frozenset(f"ILSVRC2012_val_{number:08d}" for number in _numbers(self.blacklist_file))

    @cached_property
    def _ids(self) -> list[int]:
        """Line k is image k's."""
        assert self.truth_file is not None
        return _numbers(self.truth_file)

    @cached_property
    def _wnids(self) -> Mapping[int, str]:
        """The kit's class id to WordNet id."""
        if (file := self._file(re.compile(CLASSES))) is not None:
            return _from_text(file)
        if (file := self._file(re.compile(META))) is not None:
            return _from_matlab(file)
        raise DataError(f"{self.truth_file} has ids of classes, and neither {CLASSES} nor {META} beside it names them")


def _number(image_id: str, where: AnyPath) -> int:
    match = NUMBER.fullmatch(image_id)
    if match is None:
        raise DataError(f"{where} has labels by number, and image {short(image_id)} has none in its name")
    return int(match[1])


def _numbers(path: AnyPath) -> list[int]:
    numbers = []
    for line, text in read_lines(path):
        if (number := whole_number(text)) is None or number < 1:
            raise DataError(f"{path}, line {line}: {short(text)} should be a whole number from 1")
        numbers.append(number)
    return numbers


def _from_text(path: AnyPath) -> dict[int, str]:
    """Lines such as ``n02119789 1 kit_fox``."""
    known: dict[int, str] = {}
    for line, text in read_lines(path):
        wnid, *rest = text.split(maxsplit=2)
        number = whole_number(rest[0]) if rest else None
        if number is None:
            raise DataError(f"{path}, line {line}: {short(text)} should be 'wnid id name'")
        known[number] = wnid
    return known


def _from_matlab(path: AnyPath) -> dict[int, str]:
    """The classes of ``synsets``; entries with children are groups of classes."""
    from scipy.io import loadmat

    content = read_bytes(path)
    try:
        table = loadmat(io.BytesIO(content), squeeze_me=True, variable_names=["synsets"])["synsets"]
        rows = zip(table["num_children"], table["ILSVRC2012_ID"], table["WNID"], strict=True)
        return {int(number): str(wnid) for children, number, wnid in rows if int(children) == 0}
    except Exception as error:  # scipy raises whatever a broken file leads to
        raise DataError(f"{path} is not the development kit's {META}: {type(error).__name__}") from error
