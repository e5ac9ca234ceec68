"""Numbers to audit: all published cells, or a table of one's own."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from wsol.datasets.fields import read_table, short
from wsol.errors import DataError
from wsol.published.audit._base import Finding, Number, audit
from wsol.published.audit._names import (
    UNEQUAL,
    dataset_of,
    layers_of,
    letters,
    metric_of,
    network_of,
    system_of,
)

if TYPE_CHECKING:
    from wsol.published.beside import Benchmark

TEXTS = {  # from letters of a heading to what the column says
    **dict.fromkeys(("system", "method", "name", "model", "approach"), "system"),
    **dict.fromkeys(("network", "backbone", "architecture", "arch"), "network"),
    **dict.fromkeys(("dataset", "data"), "dataset"),
    **dict.fromkeys(("setting", "protocol", "note", "layers", "layer"), "setting"),
    **dict.fromkeys(("n", "images", "numimages"), "n"),
}
EMPTY = ("", "-", "–", "—", "n/a", "na", "nan")


def published_numbers(tables: Iterable[Benchmark]) -> Iterator[Number]:
    """The filled cells of tables of benchmarks/."""
    for table in tables:
        for cell in table.cells:
            if cell.published is None or cell.unit in ("s", "count"):
                continue
            value, digits = _percent(cell.published, repr(cell.published), fraction=cell.unit == "fraction")
            dataset = dataset_of(cell.row.get("dataset", ""))
            about = [cell.row.get(name, "") for name in ("dataset", "architecture", "method", "layers", "setting")]
            yield Number(
                table=table.name,
                cell=cell.id,
                dataset=dataset,
                network=network_of(cell.row.get("architecture", "")),
                system=system_of(cell.row.get("method", "")),
                metric=cell.metric or cell.row["metric"],
                value=100 - value if cell.kind == "error" else value,
                digits=digits,
                printed=repr(cell.published),
                name=", ".join(part for part in about if part and not (part == about[3] and not layers_of(part))),
                layers=layers_of(cell.row.get("layers", "")),
                setting=cell.row.get("setting", ""),
                difference=cell.kind == "difference",
                n=cell.n,
                source=cell.source or "",
                certainty=cell.certainty or "",
                of_classes=UNEQUAL.get(dataset),
            )


def own_findings(
    paths: Iterable[Path], *, n: int | None = None, dataset: str = "", names: Collection[str] = ()
) -> list[Finding]:
    """What the checks find in tables of one's own, beside the measured center baselines. See `table_numbers`."""
    own = [number for path in paths for number in table_numbers(path, n=n, dataset=dataset)]
    tables = {number.table for number in own}
    found = audit([*own, *_measured_centers()], names)
    return [finding for finding in found if tables & set(finding.tables)]


@cache
def _measured_centers() -> tuple[Number, ...]:
    from wsol.published.beside import load_benchmark

    return tuple(published_numbers([load_benchmark("centre_baseline")]))


def table_numbers(path: Path, *, n: int | None = None, dataset: str = "") -> list[Number]:
    """A CSV of one's own: a column of systems, and columns of numbers under any usual heading.

    Parameters
    ----------
    n, dataset : of rows that don't say. Without a name, 5,794 images are taken for CUB's and 50,000 for ImageNet's.

    Raises
    ------
    DataError : a file that can't be read, has no system or no known number, or a cell that is no number.
    """
    header, rows = read_table(path)
    texts = {name: TEXTS[letters(name)] for name in header if letters(name) in TEXTS}
    metrics = {name: metric for name in header if (metric := metric_of(name)) and name not in texts}
    if "system" not in texts.values() or not metrics:
        lacking = "column of systems" if "system" not in texts.values() else "column of numbers"
        raise DataError(
            f"{path} has no {lacking} (its header is {short(','.join(header))}); expected for example "
            "system,n,top1_loc,top5_loc,gt_known_loc"
        )
    found: list[tuple[int, dict[str, str], str, str, str]] = []
    for number, line in rows:
        about = {kind: line[name] for name, kind in texts.items()}
        for name, metric in metrics.items():
            text = line[name].rstrip("% ")
            if text.lower() not in EMPTY:
                found.append((number, about, name, metric, text))
    values = [_number(path, number, name, text) for number, _, name, _, text in found]
    fraction = bool(values) and max(values) <= 1
    return [
        _of_row(path.name, one, value, fraction=fraction, n=n, dataset=dataset)
        for one, value in zip(found, values, strict=True)
    ]


def _of_row(
    table: str,
    one: tuple[int, Mapping[str, str], str, str, str],
    value: float,
    *,
    fraction: bool,
    n: int | None,
    dataset: str,
) -> Number:
    number, about, heading, metric, text = one
    images = _images(table, number, about.get("n", "")) or n
    known = {5_794: "CUB", 50_000: "ImageNet"}.get(images or 0, "")
    name = dataset_of(about.get("dataset", "") or dataset or known)
    percent, digits = _percent(value, text, fraction=fraction)
    return Number(
        table=table,
        cell=f"line {number}, {heading}",
        dataset=name,
        network=network_of(about.get("network", "")),
        system=system_of(about["system"]),
        metric=metric,
        value=percent,
        digits=digits,
        printed=text,
        name=", ".join(part for part in (name, about.get("network", ""), about["system"]) if part),
        setting=about.get("setting", ""),
        n=images,
        source=table,
        of_classes=UNEQUAL.get(name),
    )


def _number(path: Path, number: int, heading: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise DataError(f"{path}, line {number}, column {heading}: {short(text)} is not a number") from error
    if not math.isfinite(value):
        raise DataError(f"{path}, line {number}, column {heading}: {short(text)} is not a finite number")
    return value


def _images(table: str, number: int, text: str) -> int | None:
    if text.lower() in EMPTY:
        return None
    plain = text.replace(",", "").replace("_", "")
    if not plain.isdecimal() or int(plain) < 1:
        raise DataError(f"{table}, line {number}: n is {short(text)}; expected a number of images, 1 or more")
    return int(plain)


def _percent(value: float, text: str, *, fraction: bool) -> tuple[float, int]:
    """The value in percent and how many decimals it shows."""
    exponent = Decimal(text).as_tuple().exponent
    digits = max(0, -exponent) if isinstance(exponent, int) else 0
    return (100 * value, max(0, digits - 2)) if fraction else (value, digits)
