"""Folders and files on disk: what is there, what is missing, and what leads out of its folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from wsol.datasets.fields import short
from wsol.datasets.listing import is_there
from wsol.errors import DataError, unknown


def existing(path: Path | str, *, option: str, folder: bool) -> Path:
    """`path` as a folder or file that exists. Raises DataError with the option's name and the nearest path."""
    full = Path(path).expanduser()
    try:
        if full.is_dir() if folder else full.is_file():
            return full
        kind, other = ("folder", "file") if folder else ("file", "folder")
        if full.exists():
            is_other = full.is_file() if folder else full.is_dir()
            raise DataError(f"{option}={path} is {'a ' + other if is_other else 'a pipe or device'}, not a {kind}")
        if full.is_symlink():
            raise DataError(f"{option}={path} is a link to {full.readlink()}, which is not there")
        if re.match(r"[a-z][a-z0-9+.]+:/", str(path)):  # a Path has one slash of two left
            raise DataError(f"{option}={path} is a URL, which this option can't be")
        beside = list(full.parent.iterdir()) if full.parent.is_dir() else []
        near = [str(p) for p in beside if (p.is_dir() if folder else p.is_file())]
    except (OSError, ValueError) as error:  # a name that is too long, a folder that may not be listed
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{option}={short(str(path))} can't be read: {reason}") from error
    raise unknown(f"{kind} for {option}:", str(path), near, error=DataError)


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; false for what can't be a path at all, such as a name that is too long."""
    try:
        return path.expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


def is_url(place: object) -> bool:
    """Whether a place is a URL, ``s3://bucket/prefix``, and no path."""
    return "://" in str(place)


def path_or_url(text: str) -> Path | str:
    """A place as it is given; a URL stays text, since a path has no ``//``."""
    return text if is_url(text) else Path(text)


def check_inside(names: Iterable[str], *, allow: str = "dataset.outside=true") -> None:
    """Raises DataError for a file name that is absolute, climbs out of its folder or is not a name at all."""
    for name in names:
        plain = name.replace("\\", "/")
        if not name or "\0" in name:
            raise DataError(f"the file name {short(name)} can't be one")
        if plain.startswith("/") or ".." in plain.split("/") or plain[1:3] == ":/":
            raise DataError(f"the file name {short(name)} leads out of the folder of its dataset; {allow} allows it")


def check_present(
    folder: Path, files: Iterable[str], *, option: str, what: str = "images", outside: bool = False
) -> None:
    """Raises DataError with how many of `files` are missing under `folder`, and the first. No file is opened.

    Each folder is listed once: asking for 50,000 files one by one is slow on network disks. Unless `outside`, a link
    that leaves the folder is refused, too.
    """
    root = folder.resolve()
    listed: dict[str, dict[str, bool]] = {}
    missing, count = [], 0
    for name in files:
        count += 1
        parent, _, base = name.rpartition("/")
        if parent not in listed:
            listed[parent] = _listed(folder / parent)
            if not outside and listed[parent]:
                _check_link(folder / parent, root, option)
        if base not in listed[parent]:
            missing.append(name)
        elif listed[parent][base]:
            at = folder / name
            if not at.exists():
                raise DataError(f"{at} is a link to {at.readlink()}, which is not there")
            if not outside:
                _check_link(at, root, option)
    if missing:
        raise DataError(_missing(folder, missing, count, f"{what} are missing under {option}={folder}", option, listed))


def _listed(folder: Path) -> dict[str, bool]:
    """The names in a folder, and whether each is a link; empty where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.is_symlink() for entry in entries}
    except (OSError, ValueError):
        return {}


def _check_link(path: Path, root: Path, option: str) -> None:
    target = path.resolve()
    if not target.is_relative_to(root):
        raise DataError(f"{path} leads to {target}, out of {option}={root}; dataset.outside=true allows it")


def _missing(
    folder: Path,
    missing: Sequence[str],
    count: int,
    complaint: str,
    option: str,
    listed: Mapping[str, Mapping[str, bool]],
) -> str:
    first = missing[0]
    sentence = f"{len(missing)} of {count} {complaint}, first {short(first)}"
    if len(missing) == count:  # the usual reason: the folder is one level too deep or too high
        if is_there(folder.parent / first):
            return f"{sentence}; did you mean {option}={folder.parent}?"
        for inner in sorted(p for p in folder.iterdir() if p.is_dir()):
            if is_there(inner / first):
                return f"{sentence}; did you mean {option}={inner}?"
    if "\\" in first and is_there(folder / first.replace("\\", "/")):
        return f"{sentence}; write '/' for '\\'"
    parent, _, base = first.rpartition("/")
    near = next((name for name in listed.get(parent, ()) if _folded(name) == _folded(base)), None)
    if near is None:
        return sentence
    same = unicodedata.normalize("NFC", near) == unicodedata.normalize("NFC", base)
    way = "accents written in another Unicode form" if same else "other capitals"
    return f"{sentence}; there is {near!a}, with {way} than {base!a}"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
