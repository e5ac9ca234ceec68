"""Options of components: fields of a frozen dataclass, each with its default and its meaning.

Plain values (YAML, command line) become such a dataclass in `build`. A name that is not a field, or a value of the
wrong type, gives one sentence with the nearest name.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from wsol.errors import ConfigError, quoted, unknown

T = TypeVar("T")


class OutOfRange(ConfigError):
    """A value of the right type beyond its limits."""


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """What a number may be, as an annotation: ``samples: Annotated[int, Range(1)] = 10``.

    Both ends belong to it, but for the lower one with `above` and the upper one with `below`.
    """

    low: float
    high: float = float("inf")
    above: bool = False
    below: bool = False

    def check(self, value: Any, where: str) -> None:
        """Raises OutOfRange for a number outside, and for NaN and infinity."""
        at_end = (self.above and value == self.low) or (self.below and value == self.high)
        if self.low <= value <= self.high and not at_end and _is_finite(value):
            return
        raise OutOfRange(f"{where}={_number(value)} is out of range; give {self}")

    def __str__(self) -> str:
        """``0 or more and at most 1``, for messages."""
        low = f"above {_number(self.low)}" if self.above else f"{_number(self.low)} or more"
        if self.high in (float("inf"), LARGEST):
            return low
        return f"{low} and {'below' if self.below else 'at most'} {_number(self.high)}"


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _number(value: float) -> str:
    return quoted(value) if isinstance(value, int) else f"{value:g}"


LARGEST_FLOAT = 1e300
LARGEST = 2**63 - 1  # the largest whole number of Parquet, NumPy and PyTorch
WholeNumber = Annotated[int, Range(0, LARGEST)]
Count = Annotated[int, Range(1, 1_000_000)]  # of passes, samples or steps per image: a million passes take hours
Images = Annotated[int, Range(1, LARGEST)]  # a data set's own size is the limit
Steps = Annotated[int, Range(2, 1_000_000)]  # points of a curve
Threads = Annotated[int, Range(1, 1024)]
Batch = Annotated[int, Range(1, 65_536)]  # network inputs at a time
Side = Annotated[int, Range(8, 4096)]  # of a square in pixels: an input of 4096 x 4096 takes 200 MB as float32
Step = Annotated[float, Range(1e-6, 0.5)]  # between swept thresholds: a grid of a million takes 8 MB
NotNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
Share = Annotated[float, Range(0, 1)]
ShareBelowOne = Annotated[float, Range(0, 1, below=True)]
PositiveShare = Annotated[float, Range(0, 1, above=True)]

MISSING_VALUE = "???"  # how Hydra writes a value the user must give


def option(default: Any = dataclasses.MISSING, *, help: str, **facts: Any) -> Any:  # noqa: A002
    """A field of a component: ``gamma: float | None = option(None, help="contrast of the tanh scaling")``.

    Parameters
    ----------
    default : its value when none is given; without one it must be given.
    help : what it means, in one phrase for ``wsol show``; units and the paper's symbol belong here.
    facts : other metadata, for example ``spelling``, another name that is accepted.
    """
    return dataclasses.field(default=default, metadata={"help": help, **facts})


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One option of a component: its default (`MISSING_VALUE` where it must be given), what it takes, its meaning."""

    name: str
    default: Any
    takes: str
    help: str


def options_of(cls: type[Any]) -> list[Option]:
    """The options of a component's dataclass, in the order of its fields; a new default inherits the base's meaning."""
    hints = typing.get_type_hints(cls, include_extras=True)
    meaning = {
        f.name: f.metadata["help"]
        for base in reversed(cls.__mro__)
        if dataclasses.is_dataclass(base)
        for f in dataclasses.fields(base)
        if "help" in f.metadata
    }
    return [
        Option(name, default, in_words(hints[name]), meaning.get(name, "")) for name, default in defaults(cls).items()
    ]


def component(cls: type[T], where: str) -> type[T]:
    """`cls` as a frozen dataclass of options that checks its numbers against their ranges, however it is made.

    Parameters
    ----------
    where : what it is called in messages.
    """
    check_more: Callable[[T], None] | None = getattr(cls, "__post_init__", None)

    def __post_init__(self: T) -> None:  # noqa: N807
        for name, hint in typing.get_type_hints(type(self), include_extras=True).items():
            if get_origin(hint) is not typing.ClassVar:
                _check_range(getattr(self, name), hint, f"{where}.{name}")
        if check_more is not None:
            check_more(self)

    cls.__post_init__ = __post_init__  # type: ignore[attr-defined]
    if "__dataclass_params__" in vars(cls):  # its author made it a dataclass, whose __init__ sets what is frozen now
        del cls.__init__
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def _check_range(value: Any, hint: Any, where: str) -> None:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        for limit in args[1:]:
            limit.check(value, where)
    elif origin is tuple:
        for one in value:
            _check_range(one, args[0], where)
    elif origin in (Union, types.UnionType) and value is not None:
        for option in args:
            _check_range(value, option, where)


def defaults(cls: type[Any]) -> dict[str, Any]:
    """Field name to default value; a field without one gets `MISSING_VALUE`."""
    return {
        f.name: f.default
        if f.default is not dataclasses.MISSING
        else f.default_factory()
        if f.default_factory is not dataclasses.MISSING
        else MISSING_VALUE
        for f in dataclasses.fields(cls)
        if f.init
    }


def in_words(hint: Any) -> str:
    """What a type takes, in words: ``mean, max``; ``int (1 or more) or null``; ``list of float``."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is type(None) or hint is bool:
        return "true or false" if hint is bool else "null"
    if origin is Annotated:
        limits = [", ".join(limit) if isinstance(limit, Mapping) else str(limit) for limit in args[1:]]
        named = any(isinstance(limit, Mapping) for limit in args[1:])  # the rules that a knob may name
        return limits[0] if named else f"{in_words(args[0])} ({', '.join(limits)})"
    if origin is Literal:
        return ", ".join(map(str, args))
    if origin in (Union, types.UnionType):
        return " or ".join(map(in_words, args))
    if origin in (tuple, list):
        return f"list of {in_words(args[0])}"
    return str(getattr(hint, "__name__", hint))


# Methods and metrics take it beside their own.
SAMPLE = Option("sample", None, in_words(Images | None), "evaluate only that many images, the same for every variant")


def build(cls: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """`cls(**values)` after checking every name and type.

    Parameters
    ----------
    where : what the user would type before the option, for messages: ``"methods.layercam"``, or ``""``.

    Raises
    ------
    ConfigError : an unknown option (nearest one given), a missing one, or a value that doesn't fit its type.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    hints = typing.get_type_hints(cls, include_extras=True)
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise unknown("option", f"{prefix}{name}", [f"{prefix}{f}" for f in fields], error=ConfigError)
        if value == MISSING_VALUE:
            raise ConfigError(f"{prefix}{name} must be given")
        checked[name] = fit(value, hints[name], where=f"{prefix}{name}")
    for name, field in fields.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and name not in checked:
            raise ConfigError(f"{prefix}{name} must be given")
    return cls(**checked)


def fit(value: Any, hint: Any, *, where: str) -> Any:
    """`value` as type `hint` (bool, int, float, str, None, Literal, tuples, unions), or a ConfigError naming both."""
    if hint is Any:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        fitted = fit(value, args[0], where=where)
        for limit in args[1:]:
            limit.check(fitted, where)
        return fitted
    if origin in (Union, types.UnionType):
        for option in sorted(args, key=lambda a: _loose(a, value)):
            try:
                return fit(value, option, where=where)
            except OutOfRange:
                raise
            except ConfigError:
                continue
        raise _misfit(value, hint, where)
    if origin is Literal:
        if value in args and type(value) in {type(a) for a in args}:
            return value
        raise unknown(f"value for {where}", quoted(value).strip("'"), [str(a) for a in args], error=ConfigError)
    if origin in (tuple, list) and isinstance(value, list | tuple):
        inner = args[0] if args else Any
        return tuple(fit(v, inner, where=where) for v in value)
    if hint is type(None) and value is None:
        return None
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > LARGEST:
            raise OutOfRange(f"{where}={quoted(value)} is out of range; whole numbers go up to {LARGEST}")
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not _is_finite(value) or abs(value) > LARGEST_FLOAT:
            raise OutOfRange(f"{where}={_number(value)} is out of range; give a finite number")
        return float(value)
    if hint is str and isinstance(value, str):
        return value
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(hint, type) and not isinstance(value, str | bool) and isinstance(value, hint):
        return value
    raise _misfit(value, hint, where)


def _loose(hint: Any, value: Any) -> int:
    """Exact types first, so that 1 stays an int in `int | float`."""
    return 0 if isinstance(hint, type) and type(value) is hint else 1


def _misfit(value: Any, hint: Any, where: str) -> ConfigError:
    return ConfigError(f"{where}={quoted(value)} is not valid; expected {in_words(hint)}")
