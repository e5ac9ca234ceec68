"""Fixtures for the tests of the documents."""

from __future__ import annotations

import pytest

from docs._ext.catalog import MAKERS


@pytest.fixture(scope="session")
def catalog() -> dict[str, str]:
    """The pages that the site's build writes, by name."""
    return {name: text for maker in MAKERS for name, text in maker()}
