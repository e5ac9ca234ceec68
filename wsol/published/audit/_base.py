"""A printed number, what a check finds, and the registry of checks. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from wsol.registry import Registry

COUNTS = {  # metrics that are a share of images: hits over n
    "top1_loc", "top5_loc", "gt_known_loc", "maxboxacc", "maxboxacc@30", "maxboxacc@50", "maxboxacc@70",
    "top1_cls", "top5_cls", "increase", "win", "pointing game",
}  # fmt: skip
LOCALIZATION = {
    "top1_loc", "top5_loc", "gt_known_loc", "maxboxacc", "maxboxacc_v2", "pxap", "top1_cls", "top5_cls",
}  # fmt: skip
LABELS = {
    "top1_loc": "Top-1 Loc",
    "top5_loc": "Top-5 Loc",
    "gt_known_loc": "GT-known Loc",
    "maxboxacc": "MaxBoxAcc",
    "maxboxacc_v2": "MaxBoxAccV2",
    "maxboxacc@30": "MaxBoxAcc@IoU 0.3",
    "maxboxacc@50": "MaxBoxAcc@IoU 0.5",
    "maxboxacc@70": "MaxBoxAcc@IoU 0.7",
    "top1_cls": "Top-1 Cls",
    "top5_cls": "Top-5 Cls",
    "pxap": "PxAP",
    "average_drop": "average drop",
    "increase": "increase in confidence",
}
Strength = Literal["arithmetic", "chance", "differs"]
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number as it was printed.

    Attributes
    ----------
    table, cell : where it stands: a file of benchmarks/ and the cell's id, or a file of one's own, its row and column.
    dataset, network, system, metric : under the one spelling of `wsol.published.audit._names`.
    name : its data set, network and system as they are written; printed : its value likewise.
    layers, setting : what else tells it apart from others of its system.
    value : in percent where it is an accuracy or a share; errors are turned into accuracies.
    digits : decimals of `value` as printed, those that a file of numbers still shows: 63.40 has one there.
    difference : the number is a difference to another one.
    n : how many images it is over, None where nobody knows.
    source, certainty : where the number is from.
    """

    table: str
    cell: str
    dataset: str
    network: str
    system: str
    metric: str
    value: float
    digits: int
    printed: str
    name: str = ""
    layers: str = ""
    setting: str = ""
    difference: bool = False
    n: int | None = None
    source: str = ""
    certainty: str = ""
    of_classes: bool | None = None  # whether classes of this data set have different numbers of images

    @property
    def is_mean(self) -> bool:
        """Whether it is a mean over networks."""
        return self.network == "mean"

    @property
    def is_count(self) -> bool:
        """Whether it should be a whole number of images out of n."""
        return self.metric in COUNTS and self.n is not None and not self.is_mean and not self.difference

    @property
    def subject(self) -> tuple[Hashable, ...]:
        """What numbers of one row of a table share."""
        return (self.table, self.source, self.dataset, self.n, self.network, self.system, self.layers, self.setting)

    @property
    def label(self) -> str:
        """The metric as tables call it."""
        return LABELS.get(self.metric, self.metric)

    @property
    def shown(self) -> str:
        """The value, as printed where that is known."""
        return f"{self.value:.{min(self.digits, 12)}f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    check : its name.
    strength : ``arithmetic`` where the numbers can't all be as printed; ``chance`` where they can, but a coincidence
        would be needed; ``differs`` where one name has several numbers, for which there may be good reasons.
    numbers : those it is about.
    says : one sentence, no stronger than the numbers.
    p : of the statement's null hypothesis, where there is one.
    """

    check: str
    strength: Strength
    numbers: tuple[Number, ...]
    says: str
    p: float | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(number.table for number in self.numbers))

    def record(self) -> dict[str, Any]:
        """As a plain object."""
        cells = [{"table": n.table, "cell": n.cell, "printed": n.printed} for n in self.numbers]
        return {"check": self.check, "strength": self.strength, "says": self.says, "p": self.p, "cells": cells}


@dataclass(frozen=True, slots=True)
class Check:
    """A check: from all numbers to what it finds. `about` says what it looks for."""

    name: str
    about: str
    function: Callable[[Sequence[Number]], Iterable[Finding]]


checks: Registry[Check] = Registry("check", "wsol.published.audit")
F = TypeVar("F", bound=Callable[[Sequence[Number]], Iterable[Finding]])


def check(name: str, *, about: str) -> Callable[[F], F]:
    """Register the decorated function as a check; its file is named after it."""

    def register(function: F) -> F:
        checks.add(name, Check(name, about, function))
        return function

    return register


def audit(numbers: Sequence[Number], names: Collection[str] = ()) -> list[Finding]:
    """What the checks find, arithmetic first; all of them unless some are named. Raises UnknownName."""
    chosen = [checks[name] for name in names or checks]
    order = ("arithmetic", "chance", "differs")
    found = [finding for one in chosen for finding in one.function(numbers)]
    return sorted(found, key=lambda finding: order.index(finding.strength))


def grouped(numbers: Iterable[T], key: Callable[[T], K]) -> Iterator[tuple[K, list[T]]]:
    """Groups of equal keys, in the order in which they first appear."""
    groups: dict[K, list[T]] = {}
    for number in numbers:
        groups.setdefault(key(number), []).append(number)
    yield from groups.items()


def place(number: Number) -> str:
    """Where a number stands, in words."""
    if number.name:
        return number.name
    parts = [number.dataset, number.network, number.system, number.layers, number.setting]
    return ", ".join(part for part in parts if part)


def listed(parts: Iterable[str], most: int = 6) -> str:
    """Words with commas; many are counted."""
    words = list(dict.fromkeys(parts))
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def unit_in_last_place(numbers: Iterable[Number]) -> float:
    """One unit of the last decimal that any of these shows."""
    return float(10.0 ** -max(number.digits for number in numbers))
