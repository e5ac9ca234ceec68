"""A data set by name or path, with its options, as `dataset=...` on the command line gives it."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

from wsol.datasets.base import Dataset, datasets
from wsol.datasets.paths import path_or_url
from wsol.options import build
from wsol.settings import choices
from wsol.settings.guess import guess_of, is_path
from wsol.settings.places import options_of


def load_dataset(name: str | PathLike[str], *, data: str | PathLike[str] | None = None, **options: Any) -> Dataset:
    """A data set: ``wsol.load_dataset("shapes", n=50)``, ``wsol.load_dataset("photos/", limit=100)``.

    Parameters
    ----------
    name : what ``wsol list datasets`` shows, or a path or URL, whose format is guessed.
    data : the folder, or its URL, in which data sets that have a name are looked for; ``data`` by default.
    options : the reader's own; ``wsol show dataset NAME`` lists them.

    Raises
    ------
    UnknownName, ConfigError : no such data set or option (nearest one given), or a path that is of no known format, or
        of several.
    DataError : there is no such path, or nothing at the URL.
    """
    given = {key: fspath(value) if isinstance(value, PathLike) else value for key, value in options.items()}
    text = fspath(name)
    if isinstance(name, PathLike) or is_path(text):
        guess = guess_of(text)
        return build(datasets[guess.key], {**guess.options, **given}, where="dataset")
    paths = choices.content("paths", "default")
    known = options_of(text, paths if data is None else {**paths, "data": str(path_or_url(fspath(data)))})
    defaults = {key: value for key, value in known.items() if key not in ("name", "about")}
    return build(datasets[str(known["name"])], {**defaults, **given}, where="dataset")
