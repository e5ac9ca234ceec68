"""Options: wrong names and types give one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from wsol.errors import ConfigError
from wsol.options import build, defaults


@dataclass(frozen=True, kw_only=True)
class Knobs:
    gamma: float | None = None
    steps: int = 10
    mode: Literal["max", "mean"] = "max"
    flag: bool = False
    scales: tuple[float, ...] = (1.0, 2.0)


def test_values_of_the_right_type_are_taken() -> None:
    made = build(Knobs, {"gamma": 2, "mode": "mean", "scales": [1, 3]}, where="knobs")
    assert made == Knobs(gamma=2.0, mode="mean", scales=(1.0, 3.0))
    assert isinstance(made.gamma, float)


def test_defaults_are_those_of_the_dataclass() -> None:
    assert defaults(Knobs) == {"gamma": None, "steps": 10, "mode": "max", "flag": False, "scales": (1.0, 2.0)}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"gama": 2}, r"no option 'knobs.gama'; nearest: 'knobs.gamma'"),
        ({"gamma": "hot"}, r"knobs.gamma='hot' is not float \| None"),
        ({"steps": 1.5}, r"knobs.steps=1.5 is not int"),
        ({"steps": True}, r"knobs.steps=True is not int"),
        ({"mode": "min"}, r"no value for knobs.mode 'min'; nearest: 'm"),
        ({"flag": 1}, r"knobs.flag=1 is not bool"),
        ({"scales": ["a"]}, r"knobs.scales='a' is not float"),
    ],
)
def test_wrong_names_and_values_are_refused_in_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build(Knobs, values, where="knobs")
