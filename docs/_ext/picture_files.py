"""The committed pictures of the documentation. Imports nothing of Sphinx."""

from __future__ import annotations

from pathlib import Path

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
ENDINGS = (".svg", ".png", ".jpg")


def file_of(name: str) -> Path | None:
    """The committed picture of that name."""
    return next((file for end in ENDINGS if (file := PICTURES / f"{name}{end}").is_file()), None)
