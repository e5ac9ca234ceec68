"""From plain values (YAML, command line) to the frozen dataclass that owns the options.

A name that is not a field, or a value of the wrong type, gives one sentence with the nearest name.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from wsol.errors import ConfigError, unknown

T = TypeVar("T")


class OutOfRange(ConfigError):
    """A value of the right type beyond its limits."""


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """What a number may be, as an annotation: ``samples: Annotated[int, Range(1)] = 10``.

    Both ends belong to it; with `above` the lower one does not.
    """

    low: float
    high: float = float("inf")
    above: bool = False

    def check(self, value: Any, where: str) -> None:
        """Raises ConfigError for a number outside."""
        if self.low <= value <= self.high and not (self.above and value == self.low):
            return
        ends = [f"above {self.low:g}" if self.above else f"{self.low:g} or more"]
        ends += [f"at most {self.high:g}"] if self.high < float("inf") else []
        raise OutOfRange(f"{where}={value:g} is out of range; give {' and '.join(ends)}")


Count = Annotated[int, Range(1)]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
PositiveShare = Annotated[float, Range(0, 1, above=True)]


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


MISSING_VALUE = "???"  # how Hydra writes a value the user must give


def build(cls: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """`cls(**values)` after checking every name and type.

    Parameters
    ----------
    where : what the user would type before the option, for messages: ``"methods.layercam"``.

    Raises
    ------
    ConfigError : an unknown option (nearest one given), a missing one, or a value that doesn't fit its type.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls, include_extras=True)
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            raise unknown("option", f"{where}.{name}", [f"{where}.{f}" for f in fields], error=ConfigError)
        if value == MISSING_VALUE:
            raise ConfigError(f"{where}.{name} must be given")
        checked[name] = fit(value, hints[name], where=f"{where}.{name}")
    for name, field in fields.items():
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and name not in checked:
            raise ConfigError(f"{where}.{name} must be given")
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
        raise unknown(f"value for {where}", str(value), [str(a) for a in args], error=ConfigError)
    if origin in (tuple, list) and isinstance(value, list | tuple):
        inner = args[0] if args else Any
        return tuple(fit(v, inner, where=where) for v in value)
    if hint is type(None) and value is None:
        return None
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
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
    wanted = getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint).replace("typing.", "")
    return ConfigError(f"{where}={value!r} is not {wanted}")
