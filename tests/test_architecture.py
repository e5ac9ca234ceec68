"""Imports run one way: each room of the package imports only from rooms below it."""

from __future__ import annotations

import pytest

from scripts import draw_architecture
from scripts.draw_architecture import ROOMS, backward, circles, imports


def test_no_import_runs_against_the_order_of_the_rooms() -> None:
    assert backward(imports()) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports()) == []


def test_every_module_stands_in_a_room() -> None:
    strays = {module for module in imports() if draw_architecture.room_of(module) == "wsol"}
    assert strays == {"wsol"}


def test_the_picture_shows_the_imports_of_today() -> None:
    text = draw_architecture.PAGE.read_text(encoding="utf-8")
    assert text == draw_architecture.with_picture(text), "run: python scripts/draw_architecture.py"


@pytest.mark.parametrize(
    ("module", "other", "wrong"),
    [("wsol.stats.ties", "wsol.methods.cam", True), ("wsol.methods.cam", "wsol.stats.ties", False)],
)
def test_an_import_against_the_order_is_noticed(module: str, other: str, wrong: bool) -> None:
    assert bool(backward({module: {other}, other: set()})) == wrong
    assert list(ROOMS).index("stats") < list(ROOMS).index("methods")


def test_a_circle_is_noticed() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a -> b -> c -> a"]
