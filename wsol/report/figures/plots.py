"""The plots of a report, drawn with matplotlib under `style.STYLE`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.figures.style import COLORS, CONTROL, DASHES, styles
from wsol.report.numbers.curves import BINS, TAUS, accuracy_line, iou_histogram, metric_curve
from wsol.report.numbers.names import label_of, short_measure
from wsol.report.numbers.studies import brief, knob_differences, main_cell
from wsol.report.tables.overview import in_full

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsol.report.numbers.lines import Line
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.report_data import ReportData
    from wsol.report.numbers.studies import Ablation, KnobStudy

COLUMN, PAGE = 3.4, 7.0  # inches: one and two columns of a two-column paper
LINES = 8  # variants in one plot; more are hard to tell apart
LEGEND_ROW = 0.15  # inches that a legend takes per row


def accuracy(data: ReportData, protocol: str) -> Any:
    """Share of hits over the threshold, a panel for each delta; the dot is the maximum with its interval."""
    import matplotlib.pyplot as plt

    info = data.summary.protocols[protocol]
    deltas = info.knobs["deltas"]
    figure, axes = plt.subplots(1, len(deltas), figsize=(PAGE, 2.5), sharey=True, squeeze=False)
    style = styles(data.variants)
    for axis, delta in zip(axes[0], deltas, strict=True):
        for n, (key, rows) in enumerate(_distinct(data, protocol)):
            line = accuracy_line(rows, info, delta)
            # thinner from one to the next, so that a line is seen behind another that it equals
            axis.plot(TAUS, 100 * line.y, **_line(style[key]), linewidth=2.6 - 0.25 * n, label=_name(data, key))
            cell = data.cell(key, protocol, f"maxboxacc@{round(100 * delta)}")
            if cell is not None:
                dot = {"fmt": "o", "color": _color(style[key]), "markersize": 3, "linewidth": 0.7}
                axis.errorbar(cell.tau[0], cell.value, _sides(cell), **dot)
        axis.set(title=f"$\\delta$ = {delta:g}", xlabel="threshold $\\tau$", xlim=(0, 1))
        axis.set_ylim(bottom=0)
    axes[0][0].set_ylabel(f"images (%), {short_measure(protocol, data.summary.measures)}")
    _legend(figure, axes[0][0])
    return figure


def histograms(data: ReportData, protocol: str) -> Any:
    """Images by IoU, each variant at its best threshold for delta 0.5."""
    import matplotlib.pyplot as plt

    info = data.summary.protocols[protocol]
    found = _distinct(data, protocol)
    height = 0.5 + 0.55 * len(found)
    figure, axes = plt.subplots(len(found), 1, figsize=(COLUMN, height), sharex=True, sharey=True, squeeze=False)
    style = styles(data.variants)
    edges = np.arange(BINS) / BINS
    for axis, (key, rows) in zip(axes[:, 0], found, strict=True):
        counts, tau = iou_histogram(rows, info)
        axis.bar(edges, 100 * counts / counts.sum(), width=0.92 / BINS, align="edge", color=_color(style[key]))
        for delta in info.knobs["deltas"]:
            axis.axvline(delta, color="0.4", linewidth=0.5, linestyle=":")
        axis.set_title(f"{_name(data, key)}, $\\tau$ = {tau:.2f}", loc="left", fontsize=7, pad=2)
        axis.tick_params(labelsize=6)
    axes[-1, 0].set(
        xlabel=f"IoU with the best ground-truth box, {short_measure(protocol, data.summary.measures)}", xlim=(0, 1)
    )
    figure.supylabel("images (%)", fontsize=8)
    return figure


def curves(data: ReportData, metric: str) -> Any:
    """The mean curves of a metric with their intervals, a panel for each of its columns."""
    import matplotlib.pyplot as plt

    panels = data.summary.metrics[metric].curves
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, 2.5), sharey=True, squeeze=False)
    style = styles(data.variants)
    for axis, (column, label) in zip(axes[0], panels.items(), strict=True):
        for key in [k for k in data.variants if k not in data.same][:LINES]:
            curve = metric_curve(data.tables[key], metric, column)
            if curve is not None:
                axis.plot(curve.x, curve.y, **_line(style[key]), label=_name(data, key))
                axis.fill_between(curve.x, curve.low, curve.high, color=_color(style[key]), alpha=0.08, linewidth=0)
        name = short_measure(metric, data.summary.measures)
        axis.set(title=f"{column}, {name}", xlabel=label, xlim=(0, 1))
        axis.set_ylim(bottom=0)
    axes[0][0].set_ylabel("mean over images")
    _legend(figure, axes[0][0])
    return figure


def cost(data: ReportData) -> Any:
    """The headline number against forward and backward passes, of the variants on the most images.

    Points stand where their numbers are; leader lines go to the names.
    """
    import matplotlib.pyplot as plt

    assert data.headline is not None
    measure, metric, _ = data.headline
    style, points = styles(data.variants), []
    for key in data.variants:
        cell, costs = data.cell(key, measure, metric), data.summary.costs[key]
        passes = costs["forwards"] + costs["partial_forwards"] + costs["backwards"]
        if cell is not None and np.isfinite(passes) and np.isfinite(cell.value) and key not in data.same:
            points.append((key, passes, cell))
    most_images = max((cell.n for _, _, cell in points), default=0)
    points = [point for point in points if point[2].n == most_images]
    figure, axis = plt.subplots(figsize=(PAGE, max(3.0, 0.5 + 0.118 * len(points))))
    axis.set_xscale("symlog", linthresh=1)
    most = max((passes for _, passes, _ in points), default=1.0)
    ticks = [0.0, *(m * 10.0**power for power in range(6) for m in (1, 2, 5))]
    ticks = [t for t in ticks if t <= max(2.0, most * 1.5) and (most < 100 or t <= 2 or np.log10(t) % 1 == 0)]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(-0.15, max(2.2, most * 1.25))
    if not points:
        return figure
    name = in_full(points[0][2], data.summary.measures)
    axis.set(xlabel="forward and backward passes per image", ylabel=f"{name} (n = {most_images})")
    bottom, top = (
        min(0, *(np.nanmin((c.low, c.value)) for _, _, c in points)),
        max(np.nanmax((c.high, c.value)) for _, _, c in points),
    )
    top = bottom + (top - bottom) * 1.04
    axis.set_ylim(bottom, top)
    points.sort(key=lambda point: (-point[2].value, -point[1]))
    heights = _apart([(c.value - bottom) / (top - bottom) for _, _, c in points], gap=1 / max(22, len(points)))
    for (key, passes, cell), height in zip(points, heights, strict=True):
        color = _color(style[key])
        hollow: dict[str, Any] = {"markerfacecolor": "white"} if style[key][1] else {}
        axis.errorbar(passes, cell.value, _sides(cell), fmt="o", color=color, markersize=4, linewidth=0.8, **hollow)
        axis.annotate(
            _name(data, key),
            (passes, cell.value),
            xytext=(1.03, height),
            textcoords="axes fraction",
            fontsize=6,
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "linewidth": 0.4,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )
    return figure


def _apart(values: Sequence[float], *, gap: float) -> list[float]:
    """Heights of names, given from the highest value down: `gap` apart, and as near to the values as that allows."""
    clusters: list[list[int]] = []
    for n in range(len(values)):  # names that would touch are spread around their middle
        clusters.append([n])
        while len(clusters) > 1 and _end(clusters[-2], values, gap, -1) - _end(clusters[-1], values, gap, 1) < gap:
            last = clusters.pop()
            clusters[-1] += last
    return [_end(cluster, values, gap, 1) - gap * place for cluster in clusters for place in range(len(cluster))]


def _end(cluster: Sequence[int], values: Sequence[float], gap: float, side: int) -> float:
    """Where the first (1) or last (-1) name of a cluster stands."""
    middle = float(np.mean([values[n] for n in cluster]))
    return middle + side * gap * (len(cluster) - 1) / 2


def ablation(study: Ablation, measures: Mapping[str, Any]) -> Any:
    """A number with its interval over the values of an option; a value of None stands apart, first."""
    import matplotlib.pyplot as plt

    many = len(study.series) > 3
    rows = (len(study.series) + 1) // 2 if many else len(study.series) if any(study.series) else 0
    figure, axis = plt.subplots(figsize=(COLUMN, 2.3 + LEGEND_ROW * rows))
    without = [n for n, value in enumerate(study.values) if value is None]
    numeric = study.numeric and not without
    places = np.array(study.values if numeric else range(len(study.values)), float)
    step = np.diff(np.sort(places)).min() if len(places) > 1 else 1.0
    for n, (rest, cells) in enumerate(study.series.items()):
        # beside each other, so that equal numbers and their intervals are all seen
        beside = step * min(0.5, 0.12 * len(study.series)) * ((n + 0.5) / len(study.series) - 0.5)
        color, dash = COLORS[n % len(COLORS)], DASHES[(n // len(COLORS)) % len(DASHES)]
        middle = np.array([c.value for c in cells.values()])
        sides = np.hstack([_sides(c) for c in cells.values()])
        at = places[list(cells)] + beside
        drawn: dict[str, Any] = {"color": color, "marker": "o", "markersize": 3, "capsize": 2}
        axis.errorbar(at, middle, sides, linestyle="none", **drawn)
        joined = [i for i, place in enumerate(cells) if place not in without] if study.ordered else []
        axis.plot(at[joined], middle[joined], color=color, linestyle=dash, marker="o", markersize=3, label=rest or None)
    long = max(len(name) for name in study.names) * len(study.names) > 45 and not numeric
    axis.set_xticks(places, study.names, rotation=30 if long else 0, ha="right" if long else "center")
    axis.set(xlabel=f"{study.name}: {study.option}", ylabel=in_full(study.cell, measures))
    if any(study.series):
        _legend(figure, axis, columns=2 if many else 1)
    return figure


def knobs(lines: Sequence[Line], study: KnobStudy) -> Any:
    """What each knob of a protocol does to the main number: differences to the preset, one mark per variant."""
    import matplotlib.pyplot as plt

    shown = [line for line in lines if not line.same_as and main_cell(line, study.base)]
    found = knob_differences(shown, study)
    names = list(study.derived)
    figure, axis = plt.subplots(figsize=(PAGE, 0.9 + 0.055 * len(names) * (len(shown) + 1)))
    for n, line in enumerate(shown):
        cells = {place: found[name, line.name][0] for place, name in enumerate(names) if (name, line.name) in found}
        if cells:
            at = np.array(list(cells)) + 0.7 * ((n + 0.5) / len(shown) - 0.5)
            values, sides = [cell.value for cell in cells.values()], np.hstack([_sides(c) for c in cells.values()])
            color = COLORS[n % len(COLORS)]
            axis.errorbar(
                values, at, xerr=sides, fmt="o", color=color, markersize=2.5, linewidth=0.8, label=brief(line)
            )
    axis.axvline(0, color="0.4", linewidth=0.6)
    axis.set_yticks(range(len(names)), [study.derived[name] for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set(xlabel=f"difference to {study.base} (points)")
    _legend(figure, axis)
    return figure


def _distinct(data: ReportData, protocol: str) -> list[tuple[str, Any]]:
    """The leading variants with the rows that a protocol was evaluated on; of equal ones, one."""
    return [(key, rows) for key, rows in data.of_protocol(protocol) if key not in data.same][:LINES]


def _sides(cell: Cell) -> Any:
    """(2, 1): how far the interval reaches below and above the value; 0 where there is none."""
    return np.nan_to_num([[cell.value - cell.low], [cell.high - cell.value]])


def _line(style: tuple[int, int]) -> dict[str, Any]:
    return {"color": _color(style), "linestyle": DASHES[(style[1] + max(0, style[0]) // len(COLORS)) % len(DASHES)]}


def _color(style: tuple[int, int]) -> str:
    return CONTROL if style[0] < 0 else COLORS[style[0] % len(COLORS)]


def _name(data: ReportData, key: str) -> str:
    name, details = label_of(data.variants[key])
    return f"{name} ({details})" if details else name


def _legend(figure: Any, axis: Any, *, columns: int = 4) -> None:
    """Below the plot, where it covers nothing."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
