"""What the page is given: packed maps, exact hits, lines of the plots."""

from __future__ import annotations

import base64
import math
import zlib
from typing import Literal

import numpy as np
import pytest

from wsol.report.figures.style import styles
from wsol.report.numbers.curves import BINS, TAUS, accuracy_line, iou_histogram, metric_curve
from wsol.report.numbers.report_data import ReportData
from wsol.report.page.payload import IOU_STEPS, MISSING, numbers, pack
from wsol.runs.gallery import Gallery
from wsol.runs.schema import VariantInfo


def inflated(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text), wbits=-15)


def test_maps_and_boxes_come_back_from_their_pack(kept: Gallery, data: ReportData) -> None:
    packed = pack(kept, data)
    steps = len(kept.taus)
    for n, image_id in enumerate(packed.index["ids"]):
        stream = inflated(packed.maps[packed.index["maps"][n] : packed.index["maps"][n + 1]])
        at = 0
        for key in data.variants:
            shown, (height, width) = kept.shown[key, image_id], stream[at : at + 2]
            at += 2
            values = np.frombuffer(stream[at : at + height * width], np.uint8).reshape(height, width)
            at += height * width
            counts = np.frombuffer(stream[at : at + 2 * steps], "<u2")
            at += 2 * steps
            length = 8 * int(counts.sum())
            shares = np.frombuffer(stream[at : at + length], "<u2").reshape(4, -1).T / 65535
            at += length
            np.testing.assert_array_equal(values, shown.map)
            np.testing.assert_array_equal(counts, shown.counts)
            wide, high = kept.pictures[image_id].size_wh
            np.testing.assert_allclose(
                shares * [wide, high, wide, high], shown.boxes, atol=0.51 * max(wide, high) / 65535
            )
        assert at == len(stream)


def test_pictures_come_back_from_their_slices(kept: Gallery, data: ReportData) -> None:
    packed = pack(kept, data, images=4)
    assert len(packed.index["ids"]) == 4
    for n, image_id in enumerate(packed.index["ids"]):
        text = packed.pictures[packed.index["pictures"][n] : packed.index["pictures"][n + 1]]
        assert base64.b64decode(text) == kept.pictures[image_id].jpeg


@pytest.mark.parametrize("delta", [0.3, 0.5, 0.7])
def test_packed_ious_keep_every_hit(kept: Gallery, data: ReportData, delta: float) -> None:
    packed = pack(kept, data)
    shape = (len(packed.index["ids"]), len(data.variants), len(kept.taus))
    iou = np.frombuffer(inflated(packed.index["iou"]), np.uint8).reshape(shape)
    for n, image_id in enumerate(packed.index["ids"]):
        for v, key in enumerate(data.variants):
            exact = kept.shown[key, image_id].iou.astype(float)
            np.testing.assert_array_equal(iou[n, v] >= round(delta * IOU_STEPS), exact >= delta - 1e-7)


def test_an_iou_of_exactly_delta_is_a_hit_in_its_pack(kept: Gallery, data: ReportData) -> None:
    (key, image_id), one = next(iter(kept.shown.items()))
    ious = np.resize(np.float32([0.3, 0.5, 0.7, 1.0, 0.0, 0.699]), len(kept.taus))
    edited = type(one)(image_id=image_id, variant=key, map=one.map, boxes=one.boxes, counts=one.counts, iou=ious)
    only = Gallery(kept.protocol, kept.taus, {image_id: kept.pictures[image_id]}, {(key, image_id): edited})
    packed = pack(only, data)
    iou = np.frombuffer(inflated(packed.index["iou"]), np.uint8).reshape(1, len(data.variants), -1)
    place = list(data.variants).index(key)
    assert iou[0, place, :6].tolist() == [60, 100, 140, 200, 0, 139]
    assert (np.delete(iou, place, axis=1) == MISSING).all()


def test_the_accuracy_line_is_the_share_of_hits_at_each_tau(data: ReportData) -> None:
    protocol = data.summary.protocols["choe2020_v1"]
    for _, rows in data.of_protocol("choe2020_v1"):
        line = accuracy_line(rows, protocol, 0.5)
        slow = np.zeros(len(TAUS))
        for row in rows.to_pylist():
            at = np.searchsorted(row["choe2020_v1/breaks"], TAUS + 1e-12, side="right") - 1
            slow += np.array(row["choe2020_v1/iou"])[at] >= 0.5
        np.testing.assert_allclose(line.y, slow / len(rows), atol=1e-12)


def test_the_histogram_counts_every_image_once_and_agrees_with_the_table(data: ReportData) -> None:
    protocol = data.summary.protocols["choe2020_v1"]
    for key, rows in data.of_protocol("choe2020_v1"):
        counts, tau = iou_histogram(rows, protocol)
        cell, best = (data.cell(key, "choe2020_v1", m) for m in ("maxboxacc", "best_tau"))
        assert cell is not None
        assert best is not None
        assert counts.sum() == len(rows) == 12
        assert 100 * counts[BINS // 2 :].sum() / 12 == pytest.approx(cell.value)
        assert tau == best.value


def test_the_metric_curve_is_the_mean_over_images_with_its_interval(data: ReportData) -> None:
    key, metric = next(iter(data.variants)), next(iter(data.summary.metrics))
    line = metric_curve(data.tables[key], metric, "deletion")
    assert line is not None
    curves = np.array([c for c in data.tables[key][f"{metric}/deletion"].to_pylist() if c is not None])
    assert len(curves) == 2
    np.testing.assert_allclose(line.y, curves.mean(0))
    assert line.low is not None
    half = 12.7062 * np.abs(curves[0] - curves[1]) / 2  # Student's t with one degree of freedom
    np.testing.assert_allclose(line.y - line.low, half, rtol=1e-4)


def test_the_page_gets_what_the_table_says(data: ReportData) -> None:
    packed = numbers(data)
    assert [v["id"] for v in packed["variants"]] == [line.name for line in data.lines]
    for row, line in zip(packed["values"], data.lines, strict=True):
        for value, key in zip(row, data.keys, strict=True):
            if value is not None:
                cell = line.cells[key]
                ends = [cell.value if math.isnan(end) else end for end in (cell.low, cell.high)]  # no interval
                assert value == pytest.approx([cell.value, *ends, cell.n], abs=1e-4)


def test_a_method_has_one_color_and_its_variants_differ_in_dashes() -> None:
    def about(method: str, role: Literal["method", "control"] = "method") -> VariantInfo:
        return VariantInfo(key=method, id=method, method=method, name=method, role=role)

    variants = {"a1": about("a"), "b": about("b"), "a2": about("a"), "c": about("c", "control")}
    assert styles(variants) == {"a1": (0, 0), "b": (1, 0), "a2": (0, 1), "c": (-1, 0)}


def test_in_an_ablation_each_variant_has_a_color() -> None:
    info = {key: VariantInfo(key=key, id=key, method="a", name="A") for key in ("a1", "a2", "a3")}
    control = VariantInfo(key="c", id="c", method="c", name="C", role="control")
    assert styles({**info, "c": control}) == {"a1": (0, 0), "a2": (1, 0), "a3": (2, 0), "c": (-1, 0)}
