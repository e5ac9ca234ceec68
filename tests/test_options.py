"""Options: wrong names and types give one sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from wsol.datasets.base import datasets
from wsol.errors import ConfigError
from wsol.localization.resize import resize_rules
from wsol.methods._base import methods
from wsol.methods._fusion import Fusion
from wsol.metrics._base import metrics
from wsol.options import (
    MISSING_VALUE,
    Count,
    NotNegative,
    Option,
    PositiveShare,
    Share,
    build,
    defaults,
    fit,
    option,
    options_of,
)
from wsol.protocols._base import Protocol, protocols
from wsol.settings.records import Engine, General, ModelSpec, Paths
from wsol.views import views

COMPONENTS: dict[str, type[Any]] = {
    **{f"methods.{key}": methods[key] for key in methods},
    **{f"metrics.{key}": metrics[key] for key in metrics},
    **{f"dataset={key}": datasets[key] for key in datasets},
    **{f"view={key}": views[key] for key in views},
    **{record.__name__: record for record in (Fusion, Engine, ModelSpec, Paths, General)},
}
KNOBS = protocols["exact"].knobs.keys()


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
        ({"gamma": "hot"}, r"knobs.gamma='hot' is not valid; expected float or null"),
        ({"steps": 1.5}, r"knobs.steps=1.5 is not valid; expected int"),
        ({"steps": True}, r"knobs.steps=True is not valid; expected int"),
        ({"mode": "min"}, r"no value for knobs.mode 'min'; nearest: 'm"),
        ({"flag": 1}, r"knobs.flag=1 is not valid; expected true or false"),
        ({"scales": ["a"]}, r"knobs.scales='a' is not valid; expected float"),
    ],
)
def test_wrong_names_and_values_are_refused_in_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        build(Knobs, values, where="knobs")


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (Count, 0, "here=0 is out of range; give 1 or more"),
        (NotNegative, -0.5, "here=-0.5 is out of range; give 0 or more"),
        (Share, 1.5, "here=1.5 is out of range; give 0 or more and at most 1"),
        (PositiveShare, 0, "here=0 is out of range; give above 0 and at most 1"),
        (Share, float("nan"), "here=nan is out of range"),
    ],
)
def test_numbers_out_of_their_range_are_refused(hint: object, value: float, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        fit(value, hint, where="here")


def test_the_ends_of_a_range_belong_to_it() -> None:
    assert [fit(v, Share, where="here") for v in (0, 1)] == [0.0, 1.0]
    assert fit(1, Count, where="here") == 1


@pytest.mark.parametrize("where", COMPONENTS)
def test_every_option_of_everything_registered_has_help(where: str) -> None:
    for one in options_of(COMPONENTS[where]):
        assert len(one.help) > 10, f"{where}.{one.name} has no help; write {one.name} = option(DEFAULT, help=...)"
        assert not one.help.endswith("."), f"{where}.{one.name}: the help is a phrase and not a sentence"
        assert one.takes


@dataclass(frozen=True, kw_only=True)
class Blurred:
    sigma: NotNegative = option(0.0, help="of the blur, in pixels")
    border: Literal["zero", "reflect"] = option("zero", help="what is outside")
    steps: Count | None = option(None, help="points of the curve")
    scales: tuple[float, ...] = option((1.0, 2.0), help="sizes")
    place: str = option(help="where it is")


@dataclass(frozen=True, kw_only=True)
class Sharper(Blurred):
    sigma: NotNegative = 1.0
    silent: bool = True


def test_every_knob_of_a_protocol_has_help_and_names_its_rules() -> None:
    knobs = {one.name: one for one in options_of(Protocol) if one.name in KNOBS}
    assert knobs.keys() == KNOBS
    assert [name for name, knob in knobs.items() if len(knob.help) <= 10] == []
    assert knobs["resize"].takes == ", ".join(resize_rules)


def test_options_carry_default_type_in_words_and_help() -> None:
    assert options_of(Blurred) == [
        Option("sigma", 0.0, "float (0 or more)", "of the blur, in pixels"),
        Option("border", "zero", "zero, reflect", "what is outside"),
        Option("steps", None, "int (1 or more and at most 1000000) or null", "points of the curve"),
        Option("scales", (1.0, 2.0), "list of float", "sizes"),
        Option("place", MISSING_VALUE, "str", "where it is"),
    ]


def test_a_new_default_keeps_the_meaning_and_no_meaning_is_made_up() -> None:
    sharper = {one.name: one for one in options_of(Sharper)}
    assert sharper["sigma"] == Option("sigma", 1.0, "float (0 or more)", "of the blur, in pixels")
    assert sharper["silent"].help == ""


def test_an_option_without_a_default_must_be_given() -> None:
    with pytest.raises(ConfigError, match=r"blurred\.place must be given"):
        build(Blurred, {}, where="blurred")
    assert build(Blurred, {"place": "here"}, where="blurred").place == "here"
