"""A run's result file: every number with its interval, what it was measured on, and the command that recomputes it.

The board in docs/board is made of such files, ours and those of others. They are JSON, written whole by
`wsol export --result` and read strictly: an unknown field, a missing one, a value of another type or a number that
contradicts its own file is refused.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from wsol.errors import DataError
from wsol.runs.schema import Unit

VERSION = 1  # raise it when a reader of today could not read the files, or would misread them
VARIANT, MEASURE = "{variant}", "{measure}"  # what `Commands` leave open
CHOSEN_OTHERWISE = ("split-half", "per-image")  # thresholds that `wsol run tau_from=` must be told of
AGAIN = "write it anew with: wsol export RUN --result FILE"

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Name = Annotated[str, Meta(min_length=1)]
Several = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]


class Interval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number and its 95 % interval, in the quantity's unit; the ends are null where there is no interval."""

    value: float
    low: float | None = None
    high: float | None = None


class Bound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number of a floor (the best control) or a ceiling (made of the ground truth), and which variant it is of."""

    variant: Name
    value: float


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One number.

    Attributes
    ----------
    variant, measure, quantity : names that the file's `variants` and `quantities` explain; `measure` is a protocol, a
        metric, or ``classification`` for the network's own numbers.
    value, low, high : percentages as 0 to 100; null where failed images leave no number, or there is no interval.
    n : images. failed : of them, those that leave the quantity without a number.
    tau : the thresholds it was taken at; tau_from : where they come from, as `wsol table --tau` takes it, or ``fixed``.
    fingerprint : of the rows it was computed from: ids, labels, boxes and all that the measure stored of each image.
    floor, ceiling : the best control under the same measure on the same images, and the ceiling of the same layers.
    of_reachable : the number as a percentage of that ceiling's.
    """

    variant: Name
    measure: Name
    quantity: Name
    value: float | None
    low: float | None
    high: float | None
    n: Several
    fingerprint: Digest
    failed: Count = 0
    tau: tuple[float, ...] = ()
    tau_from: Literal["", "oracle", "split-half", "val", "per-image", "fixed"] = ""
    floor: Bound | None = None
    ceiling: Bound | None = None
    of_reachable: Interval | None = None

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What no other row of the file has."""
        return self.variant, self.measure, self.quantity, self.tau_from


class Variant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A method with its layers and options.

    Attributes
    ----------
    id : as `wsol run method=` takes it.
    same_as : an earlier variant with the same maps, or ``""``.
    forwards, backwards : passes per image, partial ones as forwards.
    ms : median time per image, where it was measured.
    """

    id: Name
    method: Name
    paper_name: str
    layers: tuple[str, ...]
    role: Literal["method", "control", "ceiling"]
    same_as: str
    forwards: float | None
    backwards: float | None
    ms: float | None


class QuantityInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a number is; see `wsol.runs.schema.Quantity`."""

    measure: Name
    key: Name
    label: Name
    unit: Unit
    higher_is_better: bool | None
    headline: bool
    main: bool


class Data(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which images. fingerprint : of their ids, labels, sizes and boxes, and of what their files are known by."""

    name: Name
    split: str
    images: Several
    fingerprint: Digest


class Network(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which network. weights : where they are from, with their digest; digest : 12 hex digits of the weights alone.

    classifier : what gives the class, where that is another network or a file.
    """

    name: str
    weights: str
    digest: str
    classifier: str
    view: str
    device: str
    precision: str


class Commands(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one command that recomputes a number.

    Attributes
    ----------
    protocol, metric : words of the command for a number of a protocol or of a metric, in which ``{variant}`` and
        ``{measure}`` stand for its own; both empty where there is no such command.
    needs : what the command needs beyond the package: files, downloads; or why there is no command.
    """

    protocol: tuple[str, ...]
    metric: tuple[str, ...]
    needs: tuple[str, ...]


class ResultFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of one run.

    Attributes
    ----------
    suite : the version of wsol that computed the rows; versions : of what it computed them with.
    seed : of the run. resamples : bootstrap replicates behind the intervals.
    protocols, metrics : names of the measures, each with the preset or key that it is derived from.
    """

    schema: Literal["wsol-result"]
    version: int
    suite: Name
    run: Name
    data: Data
    network: Network
    seed: int
    resamples: Several
    commands: Commands
    versions: dict[str, str]
    protocols: dict[str, str]
    metrics: dict[str, str]
    quantities: tuple[QuantityInfo, ...]
    variants: dict[str, Variant]
    rows: tuple[Row, ...]

    @property
    def recomputable(self) -> bool:
        """Whether anyone who has the package can recompute its numbers: nothing else is needed."""
        return bool(self.commands.protocol) and not self.commands.needs

    def command(self, row: Row) -> list[str]:
        """The words that recompute a row; none where there is no such command."""
        words = self.commands.metric if row.measure in self.metrics else self.commands.protocol
        measure = row.measure if row.measure in {*self.metrics, *self.protocols} else next(iter(self.protocols), "")
        filled = [word.replace(VARIANT, self.variants[row.variant].id).replace(MEASURE, measure) for word in words]
        return [*filled, f"tau_from={row.tau_from}"] if filled and row.tau_from in CHOSEN_OTHERWISE else filled

    def check(self) -> None:
        """Raises ValueError for the first thing that contradicts another one."""
        twice = [name for name, count in Counter(row.name for row in self.rows).items() if count > 1]
        if twice:
            raise ValueError(f"the number {' '.join(twice[0]).strip()} stands in it twice")
        known = {(one.measure, one.key) for one in self.quantities}
        for row in self.rows:
            where = f"{row.variant}, {row.measure}/{row.quantity}"
            for wrong in _contradictions(self, row, known):
                raise ValueError(f"{where}: {wrong}")


def _contradictions(file: ResultFile, row: Row, known: set[tuple[str, str]]) -> Iterator[str]:
    for name in [row.variant, *(bound.variant for bound in (row.floor, row.ceiling) if bound)]:
        if name not in file.variants:
            yield f"variants has no {name!r}"
    if (row.measure, row.quantity) not in known:
        yield f"quantities has no {row.quantity!r} of {row.measure!r}"
    if row.n > file.data.images:
        yield f"n is {row.n}, and the run has {file.data.images} images"
    if row.failed > row.n:
        yield f"{row.failed} images failed of {row.n}"
    if row.value is None and not row.failed:
        yield "it has no value, and no image failed"
    for name, value in (("value", row.value), ("low", row.low), ("high", row.high)):
        if value is not None and not math.isfinite(value):
            yield f"{name} is not finite"
    if (row.low is None) != (row.high is None):
        yield "its interval has one end"
    if row.low is not None and row.high is not None and row.low > row.high:
        yield f"its interval ends at {row.high:g}, before it begins at {row.low:g}"


class _Outline(Struct):
    """What files of every version have."""

    schema: Literal["wsol-result"]
    version: int


def read_result(path: Path) -> ResultFile:
    """A result file. Raises DataError with one sentence for anything that is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error
    try:
        version = msgspec.json.decode(content, type=_Outline).version
        if version != VERSION:
            raise DataError(f"{path} is a result file of version {version}, and this wsol reads {VERSION}; {AGAIN}")
        file = msgspec.json.decode(content, type=ResultFile)
        file.check()
    except msgspec.ValidationError as error:
        raise DataError(f"{path} is not a result file: {str(error).replace('`', '')}; {AGAIN}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a JSON file: {error}; {AGAIN}") from error
    except ValueError as error:
        raise DataError(f"{path} contradicts itself: {error}; {AGAIN}") from error
    return file


def text_of(file: ResultFile) -> str:
    """A result file as JSON: one line per entry of its lists, so that versions of it can be compared by line."""
    plain = msgspec.to_builtins(file)
    return "{\n" + ",\n".join(f' "{name}": {_value(value)}' for name, value in plain.items()) + "\n}\n"


def _value(value: object) -> str:
    """JSON whose outer list or object has a line per entry."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(f"  {_line(entry)}" for entry in value) + "\n ]"
    if isinstance(value, dict) and value and all(isinstance(entry, dict) for entry in value.values()):
        return "{\n" + ",\n".join(f"  {_line(key)}: {_line(entry)}" for key, entry in value.items()) + "\n }"
    return _line(value)


def _line(value: object) -> str:
    return msgspec.json.encode(value).decode()
