"""The numbers behind the page: everything its script draws, as plain values and packed bytes."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.report.figures.map_grid import best_step
from wsol.report.figures.style import styles
from wsol.report.numbers.choose import cell_at
from wsol.report.numbers.curves import BINS, accuracy_line, iou_histogram, metric_curve
from wsol.report.numbers.names import label_of, title
from wsol.report.numbers.rows import is_swept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wsol.report.numbers.lines import Key
    from wsol.report.numbers.report_data import ReportData
    from wsol.runs.gallery import Gallery, Shown

MISSING = 255  # IoU of a variant that was not evaluated on an image
IOU_STEPS = 200  # IoUs are kept in steps of 0.005, rounded down: every usual delta is one, so hits stay hits


@dataclass(frozen=True, slots=True)
class Packed:
    """The gallery for a page: an index as plain values, and base64 that its script cuts and decodes when needed."""

    index: dict[str, Any]
    pictures: str
    maps: str


def numbers(data: ReportData) -> dict[str, Any]:
    """Variants, costs and the lines of all plots."""
    style = styles(data.variants)
    variants = []
    for key, about in data.variants.items():
        name, details = label_of(about)
        costs = {name: value for name, value in data.summary.costs[key].items() if not math.isnan(value)}
        same = data.same.get(key)
        variants.append(
            {
                "id": about.id,
                "name": name,
                "details": details,
                "color": style[key][0],
                "dash": style[key][1],
                "images": len(data.tables[key]),
                "same": list(data.variants).index(same) if same else None,
                "costs": {k: _short(v) for k, v in costs.items()},
            }
        )
    return {
        "variants": variants,
        "columns": [_column(data, key) for key in data.keys],
        "values": [[_values(data, variant, key) for key in data.keys] for variant in data.variants],
        "headline": data.keys.index(data.headline) if data.headline else None,
        "tau": _tau_plots(data),
        "histograms": _histograms(data),
        "curves": _curves(data),
        "bins": BINS,
    }


def _column(data: ReportData, key: Key) -> dict[str, Any]:
    """What is known of one column of the table."""
    cell = cell_at(data.lines, key)
    label, measure = title(cell, data.summary.measures)
    return {
        "measure": key[0],
        "label": " ".join(part for part in (label, measure) if part),
        "percent": cell.percent,
        "higher": cell.higher_is_better,
    }


def _values(data: ReportData, variant: str, key: Key) -> list[float] | None:
    """A number, the ends of its interval (the number itself where there is none: one image), and its images."""
    cell = data.cell(variant, key[0], key[1])
    if cell is None or math.isnan(cell.value):
        return None
    return [*(_short(cell.value if math.isnan(v) else v) for v in (cell.value, cell.low, cell.high)), cell.n]


def _tau_plots(data: ReportData) -> list[dict[str, Any]]:
    plots = []
    for name, protocol in data.summary.protocols.items():
        if not is_swept(protocol):
            continue
        rows, lines, best = dict(data.of_protocol(name)), {}, {}
        for delta in protocol.knobs["deltas"]:
            cells = {key: data.cell(key, name, f"maxboxacc@{round(100 * delta)}") for key in rows}
            curves = {key: np.rint(1e4 * accuracy_line(rows[key], protocol, delta).y).astype(int) for key in rows}
            lines[str(delta)] = [curves[key].tolist() if key in rows else None for key in data.variants]
            best[str(delta)] = [
                [_short(v) for v in (cell.tau[0], cell.value, cell.low, cell.high)] if cell else None
                for cell in (cells.get(key) for key in data.variants)
            ]
        plots.append({"protocol": name, "lines": lines, "best": best})
    return plots


def _histograms(data: ReportData) -> list[dict[str, Any]]:
    plots = []
    for name, protocol in data.summary.protocols.items():
        found = {key: iou_histogram(rows, protocol) for key, rows in data.of_protocol(name)}
        counts = [found[key][0].tolist() if key in found else None for key in data.variants]
        taus = [
            _short(found[key][1]) if key in found and math.isfinite(found[key][1]) else None for key in data.variants
        ]  # none where each map has its own
        plots.append({"protocol": name, "counts": counts, "taus": taus, "deltas": list(protocol.knobs["deltas"])})
    return plots


def _curves(data: ReportData) -> list[dict[str, Any]]:
    plots = []
    for name, metric in data.summary.metrics.items():
        panels = []
        for column, label in metric.curves.items():
            curves = [metric_curve(data.tables[key], name, column) for key in data.variants]
            lines = [
                [[_short(v) for v in part] for part in (c.y, c.low, c.high) if part is not None] if c else None
                for c in curves
            ]
            panels += [{"name": column, "label": label, "lines": lines}] if any(curves) else []
        plots += [{"metric": name, "panels": panels}] if panels else []
    return plots


def pack(gallery: Gallery, data: ReportData, *, images: int | None = None) -> Packed:
    """A run's gallery for the page.

    Pictures are JPEGs, each in base64 of its own, one after the other, so that a slice of the text is a data URL. The
    maps and boxes of one image are one deflated stream: for each variant, height and width (a byte each, 0 0 where it
    is missing), the map, how many boxes there are at each tau, then all x0, all y0, all x1 and all y1 along tau;
    numbers are uint16, corners shares of the image.

    Parameters
    ----------
    images : at most so many.
    """
    keys = list(data.variants)
    chosen = list(gallery.pictures.values())[:images]
    pictures, maps = [], []
    iou = np.full((len(chosen), len(keys), len(gallery.taus)), MISSING, np.uint8)
    for n, one in enumerate(chosen):
        pictures.append(_base64(one.jpeg))
        shown = [gallery.shown.get((key, one.image_id)) for key in keys]
        maps.append(_base64(_deflated(b"".join(_map_bytes(s, one.size_wh) for s in shown))))
        for v, s in enumerate(shown):
            if s is not None:
                iou[n, v] = np.floor(s.iou * IOU_STEPS + 1e-4)  # float32 holds 0.7 as a little less
    index = {
        "protocol": gallery.protocol["name"],
        "taus": list(gallery.taus),
        "ids": [p.image_id for p in chosen],
        "sizes": [list(p.size_wh) for p in chosen],
        "labels": [p.label for p in chosen],
        "predicted": [p.predicted for p in chosen],
        "probability": [round(p.probability, 4) for p in chosen],
        "gt": [[round(float(c), 1) for c in p.gt_boxes.ravel()] for p in chosen],
        "area": [round(_largest_share(p.gt_boxes, p.size_wh), 4) for p in chosen],
        "pictures": _starts(pictures),
        "maps": _starts(maps),
        "iou": _base64(_deflated(iou.tobytes())),
        "best": [best_step(gallery, data, key) for key in keys],
        "classes": list(data.summary.manifest.get("class_names", [])),
    }
    return Packed(index, "".join(pictures), "".join(maps))


def _map_bytes(shown: Shown | None, size_wh: tuple[int, int]) -> bytes:
    if shown is None:
        return bytes(2)
    shares = np.rint(shown.boxes / np.array([*size_wh, *size_wh]) * 65535).clip(0, 65535).astype("<u2")
    # taus beside each other per coordinate: equal neighbors deflate well
    counts, corners = shown.counts.astype("<u2"), np.ascontiguousarray(shares.T)
    return bytes(shown.map.shape) + shown.map.tobytes() + counts.tobytes() + corners.tobytes()


def _largest_share(gt_boxes: Any, size_wh: tuple[int, int]) -> float:
    """The largest ground-truth box as a share of the image."""
    sides = np.maximum(gt_boxes[:, 2:] - gt_boxes[:, :2], 0)
    return float(sides.prod(1).max(initial=0) / (size_wh[0] * size_wh[1]))


def _deflated(data: bytes) -> bytes:
    return zlib.compress(data, 9, wbits=-15)  # raw: what the browser calls deflate-raw


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _starts(parts: Sequence[str]) -> list[int]:
    return np.cumsum([0] + [len(part) for part in parts]).tolist()  # type: ignore[no-any-return]


def _short(value: float) -> float:
    """Four digits after the point; nothing on the page shows more."""
    return round(float(value), 4)
