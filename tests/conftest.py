"""Fixtures for all tests."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.report.page.chromium import Chromium, find

# one thread per process, and in the commands that tests start: pytest-xdist has a worker for each core already
os.environ.setdefault("OMP_NUM_THREADS", "1")

# what is remembered of files, away from the user's own
os.environ.setdefault("WSOL_CACHE", tempfile.mkdtemp(prefix="wsol-cache-"))

# the same cases at each run, whatever else the machine does; `pytest --hypothesis-profile=default` looks for new ones
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One browser for all pages; tests that need it skip where there is none."""
    binary = find()
    if binary is None:
        pytest.skip("no Chromium is installed (apt-get install chromium): the page is not tested in a browser")
    with Chromium(binary, tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with golden outputs, published numbers and real data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("WSOL_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"{folder} is not here: set WSOL_SHARED to the folder with golden/ and data/")
    return folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a reader of the documents has beside them: images, weights, maps, lists."""
    from tests.docs.desk import write_desk

    folder = tmp_path_factory.mktemp("desk")
    write_desk(folder)
    return folder


@pytest.fixture(scope="module")
def choe(shared: Path) -> dict[str, Any]:
    """Score maps, and the boxes and numbers that the published evaluator (Choe et al., 2020) gives for them."""
    import numpy as np  # not above: it reads OMP_NUM_THREADS when it is loaded

    with np.load(shared / "golden" / "boxes_choe2020.npz") as arrays:
        return dict(arrays)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the cases behind the first n of a test marked `default_cases(n)` to `make test-all`."""
    counts: Counter[tuple[Path, str]] = Counter()
    for item in items:
        if isinstance(item, pytest.Function) and (mark := item.get_closest_marker("default_cases")):
            counts[item.path, item.originalname] += 1
            if counts[item.path, item.originalname] > mark.args[0]:
                item.add_marker("full")


@pytest.fixture(autouse=True)
def log_as_it_was() -> None:
    """Each test finds our log as Python starts it.

    A command line called within a test sends it to stderr; so does one called by a fixture of a whole module, which
    runs before the fixtures of a single test.
    """
    log = logging.getLogger("wsol")
    log.handlers[:], log.propagate = [], True
    log.setLevel(logging.NOTSET)
