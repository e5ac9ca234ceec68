"""What the page is made of."""

from __future__ import annotations

import pytest

from wsol.runs import gallery
from wsol.runs.folder import RunFolder
from wsol.runs.gallery import Gallery


@pytest.fixture(scope="session")
def kept(run: RunFolder) -> Gallery:
    """The gallery of the run."""
    found = gallery.read(run)
    assert found is not None
    return found
