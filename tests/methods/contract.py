"""What a method's record must say, and an error that stops a run where a test wants it to."""

from __future__ import annotations

import dataclasses
import re

import pytest

from wsol.methods._base import methods
from wsol.options import MISSING_VALUE, options_of


class StopHereError(Exception):
    """Raised by a test's hook."""


def check_record(key: str) -> None:
    """The record is complete, keeps no option in prose, and its object is frozen."""
    cls = methods[key]
    info = cls.info
    assert info.key == key
    assert re.fullmatch(r"[a-z][a-z0-9_]*", key)
    assert info.identities or info.traps
    assert not {"Options:", "Attributes"} & set(cls.__doc__.split())  # options say it themselves
    assert 1980 < info.year < 2100
    assert info.paper
    assert info.layers in {"last", "input", "all"} or "stage" in info.layers
    assert info.costly == bool(re.search(r"[a-zKn] [FBP]", info.cost)), "many passes make a method costly"
    assert info.quick.keys() <= {o.name for o in options_of(cls)}
    for option in options_of(cls):
        assert option.default != MISSING_VALUE, f"option {option.name} has no default"
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls().anything = 1  # type: ignore[attr-defined]
