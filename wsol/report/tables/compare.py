"""Two variants, image by image: differences with intervals, discordant images, and where they differ most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import DataError
from wsol.report.numbers.choose import Choice, chosen_keys, main_key
from wsol.report.numbers.lines import Key, key_of
from wsol.report.numbers.paired import apart, significant
from wsol.report.numbers.quantity import Cell
from wsol.report.numbers.records import finite
from wsol.report.numbers.rows import curves_of, known, numbers, rows_of
from wsol.report.tables.overview import in_full
from wsol.report.tables.table import Column, Entry, Table, words
from wsol.report.tables.text import Style, entry, number, p_value
from wsol.stats.paired import mcnemar

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from wsol.report.numbers.failures import Failures
    from wsol.report.numbers.summary import Summary
    from wsol.stats.paired import Difference, McNemar


@dataclass(frozen=True, slots=True)
class Side:
    """One variant of one run: its cells by column, its rows, and which of its images failed."""

    name: str
    cells: Mapping[Key, Cell]
    rows: pa.Table
    summary: Summary
    failures: Failures | None = None

    @classmethod
    def of(cls, summary: Summary, variant: str, rows: pa.Table, failures: Failures | None = None) -> Side:
        cells = {key_of(cell): cell for cell in summary.cells if cell.variant == variant and not cell.slice}
        return cls(summary.variants[variant].id, cells, rows, summary, failures)


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of both sides. `test` is McNemar's for hits, at the thresholds chosen for each side."""

    key: Key
    a: Cell
    b: Cell
    points: Cell
    difference: Difference
    test: McNemar | None

    def record(self) -> dict[str, Any]:
        """As a plain object: differences in the number's own unit (points for percentages)."""
        plain: dict[str, Any] = {"protocol": self.key[0], "metric": self.key[1], "tau_from": self.a.tau_from}
        plain |= {"a": self.a.value, "b": self.b.value}
        plain |= {"difference": self.points.value, "low": finite(self.points.low), "high": finite(self.points.high)}
        plain |= {"p": self.difference.p, "n": self.difference.n}
        plain |= {"a_higher": self.difference.better, "b_higher": self.difference.worse}
        plain |= {"n_needed": finite(self.difference.needed)}
        return plain | ({"mcnemar_p": self.test.p} if self.test else {})


def compared(a: Side, b: Side, choice: Choice) -> list[Compared]:
    """The numbers asked for that both sides have on the same images, `a` minus `b`."""
    pairs = []
    for key, cell in a.cells.items():
        pair = apart(cell, b.cells.get(key))
        if pair is None or key[0] == "classification":
            continue
        left, right = cell.draws, b.cells[key].draws
        assert left is not None
        assert right is not None
        bits = [d.influence for d in (left, right) if d.influence is not None and np.isin(d.influence, (0, 1)).all()]
        test = mcnemar(bits[0], bits[1]) if len(bits) == 2 else None
        pairs.append(Compared(key, cell, b.cells[key], *pair, test))
    if not pairs:
        raise DataError(f"{a.name} and {b.name} have no number on the same images; compare variants of one data set")
    wanted = chosen_keys({pair.key: pair.a for pair in pairs}, a.summary.protocols, choice)
    return [pair for pair in pairs if pair.key in wanted]


def compare_table(pairs: Sequence[Compared], a: Side, b: Side) -> Table:
    """One row per number: both values, the difference, and the images in which one is higher."""
    sure = significant({n: pair.difference.p for n, pair in enumerate(pairs)})
    columns = [Column("number", numeric=False), Column("a", "A"), Column("b", "B"), Column("difference", "A - B")]
    columns += [Column("p"), Column("a_higher", "A higher", drop=2), Column("b_higher", "B higher", drop=2)]
    columns += [Column("mcnemar_p", "McNemar p", drop=3), Column("n", drop=1)]
    columns += [Column("n_needed", "n needed", drop=2)]
    style = {
        kind: Style.of((c.points for c in pairs if c.points.percent is kind), signed=True) for kind in (True, False)
    }
    rows = []
    for n, pair in enumerate(pairs):
        counted = pair.difference.better + pair.difference.worse > 0 or pair.test is not None
        counts = [str(pair.difference.better), str(pair.difference.worse)] if counted else ["", ""]
        arrow = " ↓" if pair.a.higher_is_better is False else ""
        rows.append(
            [
                *words(in_full(pair.a, a.summary.measures) + arrow),
                *(Entry(number(cell.value, cell.digits), cell.value) for cell in (pair.a, pair.b)),
                entry(pair.points, style[pair.points.percent], marks=("*",) if n in sure else ()),
                Entry(p_value(pair.difference.p), pair.difference.p),
                *words(*counts),
                Entry(p_value(pair.test.p), pair.test.p) if pair.test else Entry(),
                Entry(str(pair.difference.n), pair.difference.n),
                _needed(pair.difference),
            ]
        )
    return Table(
        columns=columns,
        rows=rows,
        lead=[f"A = {_full(a)}, B = {_full(b)}."],
        marks={"*": "significant (paired by image, Holm-corrected over the rows, 5 %)."},
        notes=[
            "Intervals: 95 %. p: paired bootstrap, thresholds chosen again in each replicate; McNemar's for hits at a "
            "fixed threshold; from the bounds of the number where few images differ.",
            "McNemar: hits at the thresholds chosen once.",
            "n needed: images with which a difference of this size would be significant in 80 % of all samples "
            "(two-sided, 5 %, not corrected).",
            *(side.failures.sentence(side.name) for side in (a, b) if side.failures),
        ],
    )


def _needed(difference: Difference) -> Entry:
    """Rounded up to two digits: it is no more certain than the difference."""
    needed = difference.needed
    if not math.isfinite(needed):
        return Entry()
    unit = 10 ** max(0, math.floor(math.log10(max(needed, 1))) - 1)
    whole = max(2, math.ceil(needed / unit) * unit)
    return Entry(f"{whole:,}", whole)


def most_different(a: Side, b: Side, key: Key, *, top: int) -> list[dict[str, Any]]:
    """The images in which the two differ most: by IoU at each side's threshold, or by the metric's own column."""
    ids, left, right, label = _per_image(a, b, key)
    order = np.argsort(-np.abs(left - right), kind="stable")[:top]
    names = a.summary.manifest.get("class_names", [])
    labels = dict(zip(a.rows["image_id"].to_pylist(), a.rows["label"].to_pylist(), strict=True))
    return [
        {
            "image_id": ids[n],
            "class": names[labels[ids[n]]] if labels[ids[n]] < len(names) else str(labels[ids[n]]),
            "what": label,
            "a": float(left[n]),
            "b": float(right[n]),
            "difference": float(left[n] - right[n]),
        }
        for n in order
        if left[n] != right[n]
    ]


def images_table(images: Sequence[Mapping[str, Any]], key: Key) -> Table:
    """The images as a table."""
    columns = [Column("image_id", "image", numeric=False), Column("class", numeric=False)]
    columns += [Column("a", "A"), Column("b", "B"), Column("difference", "A - B")]
    rows = [
        [
            *words(image["image_id"], image["class"]),
            *(Entry(number(image[name], 3), image[name]) for name in ("a", "b")),
            Entry(number(image["difference"], 3, signed=True), image["difference"]),
        ]
        for image in images
    ]
    what = images[0]["what"] if images else "nothing differs"
    return Table(columns=columns, rows=rows, lead=[f"Images that differ most: {what}, {key[0]}."])


def image_key(pairs: Sequence[Compared], a: Side) -> Key | None:
    """The number that images are compared by: the first main one that each image has by itself."""
    cells = {pair.key: pair.a for pair in pairs if pair.key[0] in a.summary.protocols or pair.a.quantity.column}
    return main_key(list(cells), cells)


def _per_image(a: Side, b: Side, key: Key) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64], str]:
    protocol = key[0]
    if protocol in a.summary.protocols:
        rows = [rows_of(side.rows, protocol) for side in (a, b)]
        taus = [_position(side, protocol) for side in (a, b)]
        iou = [
            curves_of(r, side.summary.protocols[protocol]).at(tau)
            for r, side, tau in zip(rows, (a, b), taus, strict=True)
        ]
        return rows[0]["image_id"].to_pylist(), iou[0], iou[1], "IoU at each one's best threshold"
    column = a.cells[key].quantity.column
    rows = [known(side.rows, column) for side in (a, b)]
    values = [numbers(r, column) for r in rows]
    return rows[0]["image_id"].to_pylist(), values[0], values[1], key[1]


def _position(side: Side, protocol: str) -> float:
    """Where on its curves the side's threshold for IoU 0.5 is."""
    at_half = (c for key, c in side.cells.items() if key[0] == protocol and c.quantity.deltas == (0.5,))
    cell = next(at_half)
    return cell.draws.tau[0] if cell.draws is not None and cell.draws.tau else 0.0


def _full(side: Side) -> str:
    return f"{side.name} ({side.summary.run})"
