"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with golden outputs, published numbers and real data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("WSOL_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"{folder} is not here: set WSOL_SHARED to the folder with golden/ and data/")
    return folder
