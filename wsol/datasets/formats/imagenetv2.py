"""ImageNetV2 (Recht et al., 2019) with the boxes of Choe et al. (2020), whatever its images are called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from wsol.datasets.base import dataset
from wsol.datasets.contents import contents_of
from wsol.datasets.fields import Whole, read_table, short
from wsol.datasets.formats.wsolevaluation import LIST, WsolEvaluation
from wsol.datasets.listing import for_each, listing
from wsol.datasets.paths import is_folder, is_url
from wsol.datasets.stores.remote_path import AnyPath
from wsol.errors import DataError, unknown
from wsol.options import option

LISTS = "metadata/ILSVRC/val"  # of the archive of wsolevaluation
OLD = "val2/"  # how its ids begin
COLUMNS = ("image_id", "file")
Size = tuple[int, ...]


@dataset("imagenetv2")
class ImageNetV2(WsolEvaluation):
    """ImageNetV2, threshold0.7, with the lists of wsolevaluation (its ILSVRC/val).

    The lists are for names that downloads had until 2022, ``0/0.jpeg`` to ``999/9.jpeg``; folders are class indices.
    Today's downloads have hashes as names, and no mapping was published. It is recovered where it can be: an image is
    the listed one whose content it has, where `names` is a folder of images under the old names; else the listed one of
    its class if both have a size that no other image of the class has. The others are not guessed.
    """

    general: ClassVar[bool] = False

    names: Path | str | None = option(
        None,
        help="CSV with columns image_id,file that maps the lists' ids to your files, or its URL, or a folder of images "
        "(some are enough) under the old names, whose contents do; null to recover what class and size decide",
    )
    undecided: Literal["fail", "leave_out"] = option(
        "fail", help="what to do where nothing decides which image a listed one is: fail, or leave those images out"
    )

    @classmethod
    def recognize(cls, path: AnyPath) -> Sequence[Mapping[str, str | None]]:
        inner = [path / name for name in listing(path).folders if name.startswith("imagenetv2")]
        return [options for folder in (path, *inner) if (options := _options(folder)) is not None]

    def notes(self) -> Sequence[str]:
        self.samples()
        left_out = len(self._listed) - len(self._files)
        about = f"{left_out} of {len(self._listed)} images are left out: their names can't be recovered."
        return (*super().notes(), *([about] if left_out else []))

    def _file_of(self, image_id: str) -> str:
        return self._files.get(image_id, image_id)

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        return tuple(i for i in self._listed if i in self._files)[: self.at_most]

    @cached_property
    def _listed(self) -> tuple[str, ...]:
        """The ids of the lists, sorted."""
        return tuple(sorted(self._labels))

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {image_id: values[0] for image_id, values in self._by_image("class_labels.txt", 1, Whole).items()}

    @cached_property
    def _files(self) -> Mapping[str, str]:
        """Image id to file, where the file is known. Raises DataError where the others must not be left out."""
        if self.images is None:
            return {i: i for i in self._listed}
        folder = self.place_of(self.images, option="dataset.images", folder=True)
        names = None if self.names is None or is_url(self.names) else Path(self.names)
        if self.names is not None and (names is None or not is_folder(names)):
            return self._from_table(self.names)
        prefix = OLD if (folder / OLD).is_dir() else ""
        classes = listing(folder / prefix).folders
        listings = for_each(listing, [folder / prefix / name for name in classes])
        there = {
            name: [f"{prefix}{name}/{file}" for file in its.images] for name, its in zip(classes, listings, strict=True)
        }
        named = {i: f"{prefix}{i.removeprefix(OLD)}" for i in self._listed}
        known = {file for files in there.values() for file in files}
        if known & {*named.values()}:  # the old names; a missing image is missing
            return named
        decided = {} if names is None else self._by_content(names, known)
        candidates = self._candidates(there, decided)
        decided |= {ids[0]: files[0] for ids, files in candidates.values() if len(ids) == len(files) == 1}
        if len(decided) < len(named) and self.undecided == "fail":
            raise DataError(self._undecided(folder, known, decided, candidates))
        if not decided:
            raise DataError(f"no image under {folder} has the class and size of a listed one: are they threshold0.7?")
        return decided

    def _by_content(self, old: Path, files: Collection[str]) -> dict[str, str]:
        """Image id to the file that has its content in a folder of the old names."""
        root = old.expanduser()
        prefix = OLD if (root / OLD).is_dir() else ""
        named = {f"{prefix}{i.removeprefix(OLD)}": i for i in self._listed}
        contents = {digest: file for file, digest in self.store.digests(sorted(files)).items()}
        found = {named[name]: contents.get(digest) for name, digest in contents_of(root, named).items()}
        return {image_id: file for image_id, file in found.items() if file is not None}

    def _candidates(
        self, there: Mapping[str, Sequence[str]], decided: Mapping[str, str]
    ) -> dict[tuple[str, Size], tuple[list[str], list[str]]]:
        """By class and size, the listed images and the files of both that are not decided yet."""
        sizes = self._by_image("image_sizes.txt", 2, Whole)
        taken = {*decided.values()}
        found: dict[tuple[str, Size], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for image_id, label in self._labels.items():
            if image_id in sizes and image_id not in decided:
                found[str(label), sizes[image_id]][0].append(image_id)
        for name, files in there.items():
            left = [file for file in files if file not in taken]
            for file, size in zip(left, self.store.sizes(left, upright=False), strict=True):
                if (name, size) in found:
                    found[name, size][1].append(file)
        return found

    def _undecided(
        self,
        folder: AnyPath,
        files: Collection[str],
        decided: Mapping[str, str],
        candidates: Mapping[tuple[str, Size], tuple[Sequence[str], Sequence[str]]],
    ) -> str:
        """What is missing to know the others."""
        by = (
            "class and size decide"
            if self.names is None
            else f"class and size, and the contents of {self.names}, decide"
        )
        parts = [f"{by} {len(decided)} of {len(self._listed)}"]
        shared = [key for key, (ids, its) in candidates.items() if its and not len(ids) == len(its) == 1]
        if shared:
            (label, size), (ids, its) = shared[0], candidates[shared[0]]
            count = sum(len(candidates[key][0]) for key in shared)
            parts.append(
                f"{count} share class and size, first {short(ids[0])} ({len(its)} files of class {label} are "
                f"{'x'.join(map(str, size))} pixels, {len(ids)} such images are listed)"
            )
        absent = [i for ids, its in candidates.values() if not its for i in ids]
        if absent:
            parts.append(f"{len(absent)} have no file of their class and size, first {short(absent[0])}")
        return (
            f"the {len(files)} images under {folder} have other names than the lists', and no mapping was published: "
            f"{'; '.join(parts)}. Give dataset.names=FOLDER with images under the old names, or CSV with "
            "image_id,file, or dataset.undecided=leave_out to evaluate the decided ones alone"
        )

    def _from_table(self, place: Path | str) -> dict[str, str]:
        path = self.local_file(place, option="dataset.names")
        header, rows = read_table(path)
        for column in COLUMNS:
            if column not in header:
                raise unknown(f"column in {path} called", column, header, error=DataError)
        files = {line["image_id"]: line["file"] for _, line in rows}
        strange = next((i for i in files if i not in self._labels), None)
        if strange is not None:
            raise DataError(f"{path} names {short(strange)}, which is not an id of {self._folder}")
        return files


def _options(images: AnyPath) -> dict[str, str | None] | None:
    """How to read a folder of class indices, with the lists beside it; None where it is none, or has neither."""
    names = listing(images).folders
    if not names or not all(name.isdecimal() for name in names):
        return None
    lists = next((p / LISTS for p in (images, *images.parents[:2]) if (p / LISTS / LIST).is_file()), None)
    if lists is None and not images.name.startswith("imagenetv2"):
        return None
    options = {"images": str(images), "metadata": str(lists or images.parent / LISTS), "split": "val"}
    return {**options, "masks": None, "names": None}
