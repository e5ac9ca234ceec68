"""The plots of a report, drawn with matplotlib under the style that `figures` sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.figures.series import BINS, PATHS, TAUS, accuracy_line, iou_histogram, label_of, path_line, styles
from wsol.report.tables.knobs import brief, differences
from wsol.report.tables.names import natural, short_metric, short_protocol

if TYPE_CHECKING:
    from wsol.report.figures.ablation import Ablation
    from wsol.report.numbers.lines import Line
    from wsol.report.page.data import Material
    from wsol.report.tables.knobs import Study

COLUMN, PAGE = 3.4, 7.0  # inches: one and two columns of a two-column paper
LINES = 8  # variants in one plot; more are hard to tell apart
# Okabe and Ito's palette, darkened where it is text-thin on paper; the page's colours
COLOURS = ("#0072b2", "#d55e00", "#00896a", "#b3558f", "#b97f00", "#2b94cf", "#6b4c9a", "#7d5a1e")
CONTROL = "#8d8981"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), "-.", (0, (9, 2)), (0, (3, 1, 1, 1, 1, 1)))


def accuracy(material: Material, protocol: str) -> Any:
    """Share of hits over the threshold, a panel for each delta; the dot is the maximum with its interval."""
    import matplotlib.pyplot as plt

    info = material.summary.protocols[protocol]
    deltas = info.knobs["deltas"]
    figure, axes = plt.subplots(1, len(deltas), figsize=(PAGE, 2.5), sharey=True, squeeze=False)
    look = styles(material.variants)
    for axis, delta in zip(axes[0], deltas, strict=True):
        for key, rows in list(material.of_protocol(protocol))[:LINES]:
            line = accuracy_line(rows, info, delta)
            axis.plot(TAUS, 100 * line.y, **_line(look[key]), label=_name(material, key))
            cell = material.cell(key, protocol, f"maxboxacc@{round(100 * delta)}")
            if cell is not None:
                axis.errorbar(
                    cell.tau[0], cell.value, [[cell.value - cell.low], [cell.high - cell.value]], fmt="o",
                    color=_colour(look[key]), markersize=3, linewidth=0.7,
                )  # fmt: skip
        axis.set(title=f"$\\delta$ = {delta:g}", xlabel="threshold $\\tau$", xlim=(0, 1))
        axis.set_ylim(bottom=0)
    axes[0][0].set_ylabel(f"images (%), {short_protocol(protocol)}")
    _legend(figure, axes[0][0])
    return figure


def histograms(material: Material, protocol: str) -> Any:
    """Images by IoU, each variant at its best threshold for delta 0.5."""
    import matplotlib.pyplot as plt

    info = material.summary.protocols[protocol]
    found = list(material.of_protocol(protocol))[:LINES]
    height = 0.5 + 0.55 * len(found)
    figure, axes = plt.subplots(len(found), 1, figsize=(COLUMN, height), sharex=True, sharey=True, squeeze=False)
    look = styles(material.variants)
    edges = np.arange(BINS) / BINS
    for axis, (key, rows) in zip(axes[:, 0], found, strict=True):
        counts, tau = iou_histogram(rows, info)
        axis.bar(edges, 100 * counts / counts.sum(), width=0.92 / BINS, align="edge", color=_colour(look[key]))
        for delta in info.knobs["deltas"]:
            axis.axvline(delta, color="0.4", linewidth=0.5, linestyle=":")
        axis.set_title(f"{_name(material, key)}, $\\tau$ = {tau:.2f}", loc="left", fontsize=7, pad=2)
        axis.tick_params(labelsize=6)
    axes[-1, 0].set(xlabel=f"IoU with the best ground-truth box, {short_protocol(protocol)}", xlim=(0, 1))
    figure.supylabel("images (%)", fontsize=8)
    return figure


def paths(material: Material, metric: str) -> Any:
    """Mean deletion and insertion curves with their intervals."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 2.5), sharey=True)
    look = styles(material.variants)
    for axis, path in zip(axes, PATHS, strict=True):
        for key in list(material.variants)[:LINES]:
            line = path_line(material.tables[key], metric, path)
            if line is not None:
                axis.plot(line.x, line.y, **_line(look[key]), label=_name(material, key))
                axis.fill_between(line.x, line.low, line.high, color=_colour(look[key]), alpha=0.08, linewidth=0)
        axis.set(
            title=f"{path}, {short_metric(metric)}",
            xlabel=f"share of pixels {'deleted' if path == 'deletion' else 'inserted'}",
            xlim=(0, 1),
        )
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("mean probability")
    _legend(figure, axes[0])
    return figure


def cost(material: Material) -> Any:
    """The headline number against forward and backward passes."""
    import matplotlib.pyplot as plt

    assert material.headline is not None
    measure, metric, _ = material.headline
    figure, axis = plt.subplots(figsize=(PAGE * 0.75, 3.0))
    look = styles(material.variants)
    points = []
    for key in material.variants:
        cell, costs = material.cell(key, measure, metric), material.summary.costs[key]
        passes = costs["forwards"] + costs["partial_forwards"] + costs["backwards"]
        if cell is not None and np.isfinite(passes):
            points.append((key, passes, cell))
    axis.set_xscale("symlog", linthresh=1)
    most = max((passes for _, passes, _ in points), default=1.0)
    axis.set_xlim(-0.15, max(2.0, most * 4))
    ticks = [0.0, *(10.0**power for power in range(6) if 10.0**power <= max(1.0, most * 1.5))]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    label = material.lines[0].cells[material.headline].label if points else metric
    axis.set(xlabel="forward and backward passes per image", ylabel=f"{label}, {short_protocol(measure)}")
    if points:
        axis.set_ylim(min(0, *(c.low for _, _, c in points)), max(c.high for _, _, c in points) * 1.03)
    gap = 0.042 * (axis.get_ylim()[1] - axis.get_ylim()[0])
    offsets = _apart([c.value for _, _, c in points], [passes for _, passes, _ in points], gap=gap)
    for (key, passes, cell), (place, across) in zip(points, offsets, strict=True):
        colour = _colour(look[key])
        hollow: dict[str, Any] = {"markerfacecolor": "white"} if look[key][1] else {}
        at = passes + 0.035 * across * max(passes, 1)  # side by side, so that intervals can be told apart
        sides = [[cell.value - cell.low], [cell.high - cell.value]]
        axis.errorbar(at, cell.value, sides, fmt="o", color=colour, markersize=4, linewidth=0.8, **hollow)
        axis.annotate(
            _name(material, key), (passes, place), xytext=(14, 0), textcoords="offset points", fontsize=6, va="center"
        )
    return figure


def _apart(values: Sequence[float], groups: Sequence[float], *, gap: float) -> list[tuple[float, float]]:
    """Where labels stand so that those of one group are `gap` apart, and each point's place beside its middle."""
    places: dict[int, tuple[float, float]] = {}
    for group in set(groups):
        members = sorted((n for n, g in enumerate(groups) if g == group), key=lambda n: -values[n])
        below = float("inf")
        for order, n in enumerate(members):
            below = min(values[n], below - gap)
            places[n] = (below, order - (len(members) - 1) / 2)
    return [places[n] for n in range(len(values))]


def ablation(study: Ablation) -> Any:
    """A number with its interval over the values of an option."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
    numeric = study.numeric
    for n, (rest, cells) in enumerate(study.lines.items()):
        values = [study.values[i] for i in cells]
        at = np.array(values if numeric else list(cells), float)
        middle = np.array([c.value for c in cells.values()])
        sides = [middle - [c.low for c in cells.values()], [c.high for c in cells.values()] - middle]
        colour = COLOURS[n % len(COLOURS)]
        dash = DASHES[(n // len(COLOURS)) % len(DASHES)] if study.ordered else "none"
        axis.errorbar(
            at, middle, sides, color=colour, linestyle=dash, marker="o", markersize=3, capsize=2, label=rest or None
        )
    if numeric:
        axis.set_xticks([float(v) for v in study.values], study.names)
    else:
        long = max(len(name) for name in study.names) * len(study.names) > 45
        axis.set_xticks(
            range(len(study.names)), study.names, rotation=30 if long else 0, ha="right" if long else "center"
        )
    axis.set(xlabel=f"{study.name}: {study.option}", ylabel=study.label)
    if len(study.lines) > 3:
        figure.legend(loc="outside lower center", ncols=2)
    elif any(study.lines):
        axis.legend(title=None)
    return figure


def knobs(lines: Sequence[Line], study: Study) -> Any:
    """What each knob of a protocol does to the main number: differences to the preset, one mark per variant."""
    import matplotlib.pyplot as plt

    shown = [line for line in lines if not line.same_as]
    found = differences(shown, study)
    names = sorted(study.derived, key=lambda name: natural(study.derived[name]))
    figure, axis = plt.subplots(figsize=(PAGE, 0.9 + 0.055 * len(names) * (len(shown) + 1)))
    for n, line in enumerate(shown):
        here = [(place, found[name, line.name][0]) for place, name in enumerate(names) if (name, line.name) in found]
        at = np.array([place for place, _ in here]) + 0.7 * ((n + 0.5) / len(shown) - 0.5)
        middle = np.array([cell.value for _, cell in here])
        sides = [middle - [cell.low for _, cell in here], [cell.high for _, cell in here] - middle]
        axis.errorbar(
            middle,
            at,
            xerr=sides,
            color=COLOURS[n % len(COLOURS)],
            linestyle="none",
            marker="o",
            markersize=2.5,
            linewidth=0.8,
            label=brief(line),
        )
    axis.axvline(0, color="0.4", linewidth=0.6)
    axis.set_yticks(range(len(names)), [study.derived[name] for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set(xlabel=f"points more than under {study.base}")
    _legend(figure, axis)
    return figure


def _line(look: tuple[int, int]) -> dict[str, Any]:
    return {"color": _colour(look), "linestyle": DASHES[(look[1] + max(0, look[0]) // len(COLOURS)) % len(DASHES)]}


def _colour(look: tuple[int, int]) -> str:
    return CONTROL if look[0] < 0 else COLOURS[look[0] % len(COLOURS)]


def _name(material: Material, key: str) -> str:
    name, details = label_of(material.variants[key])
    return f"{name} ({details})" if details else name


def _legend(figure: Any, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
