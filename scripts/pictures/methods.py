"""One picture per method: the same three drawn images under each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import wsol
from scripts.pictures.canvas import WIDTH, best_item, classifier, found, heat_of, hit, items, key, panel, scenes
from wsol.methods._base import methods
from wsol.protocols._base import named

RESULTS = Path(__file__).resolve().parents[2] / "results" / "shapes_every_method.csv"
PROTOCOL = "choe2020_v1"
QUANTILE, SPARSE = 0.98, 0.35  # a map that is lower than this at that quantile can't be seen; its square root can
IMAGES = 200  # of the test split, on which thresholds are best; as many as in RESULTS
CURVES, BESIDE = "rise2018_single", "cam"  # what a ceiling of an order of regions is for, and what it is compared with


def network_of(method: str) -> str:
    """The embedded network that a method is shown on: one with attention or branches where the method reads them."""
    if "branches" in methods[method].info.needs:
        return "shapes_acol"
    if "attention" not in methods[method].info.needs:
        return "shapes_gap"
    return "shapes_tscam" if method == "tscam" else "shapes_vit"


@cache
def committed() -> list[dict[str, str]]:
    """The numbers of all methods on the embedded test images, as committed in `results`; the default variants last."""
    with RESULTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return sorted(
        rows, key=lambda row: (row["options"] == "{}", row["layers"].count("+") + row["layers"].count("-") == 0)
    )


def number(method: str, measure: str, metric: str) -> dict[str, str] | None:
    """The committed row of a method's default variant."""
    fitting = [r for r in committed() if (r["method"], r["protocol"], r["metric"]) == (method, measure, metric)]
    return fitting[-1] if fitting else None


def tau_of(method: str) -> float:
    """The best threshold of a method: committed, or measured where it is not or needs another network."""
    network = network_of(method)
    if network != "shapes_gap":
        return measured(network)[method]
    known = number(method, PROTOCOL, "best_tau")
    return float(known["value"]) if known is not None else best_taus(network, [method])[method]


@cache
def measured(network: str) -> dict[str, float]:
    """The best threshold of every method that is shown on a network, on the images that `RESULTS` has."""
    return best_taus(network, [method for method in methods if network_of(method) == network])


def best_taus(network: str, ours: list[str]) -> dict[str, float]:
    """The best threshold of each of these methods on a network."""
    result = wsol.evaluate(classifier(network), "shapes", ours, [PROTOCOL], limit=IMAGES, gallery=0)
    taus = result.rows().groupby("method")[f"{PROTOCOL}/tau"].first()
    return {method: float(tau) for method, tau in taus.items()}


def figure_of(method: str) -> Any:
    """The three images under one method, or under a ceiling."""
    info = methods[method].info
    if info.role != "ceiling":
        return method_figure(method)
    return truth_figure(method) if "truth" in info.needs else order_figure(method)


def method_figure(method: str) -> Any:
    """The three images under one method, each with its true boxes and the box at the method's best threshold."""
    rule, tau, network = named(PROTOCOL), tau_of(method), network_of(method)
    maps = items(method, network=network)
    heats = [heat_of(item, rule) for item in maps]
    sparse = float(np.mean([np.quantile(heat, QUANTILE) for heat in heats])) < SPARSE
    figure, axes = plt.subplots(1, len(scenes()), figsize=(WIDTH, 2.62))
    for axis, scene, item, heat in zip(axes, scenes(), maps, heats, strict=True):
        boxes, iou = found(item, rule, tau)
        shown = np.sqrt(heat) if sparse else heat
        panel(axis, scene.image, map01=shown, truth=scene.boxes_xyxy, boxes=boxes, below=hit(iou))
    words = f"{methods[method].info.title} on {network}, threshold {tau:.2f}"
    words += "; drawn as the square root of the map" if sparse else ""
    figure.suptitle(words, x=0.01, ha="left", fontsize=9.5)
    key(figure)
    return figure


def truth_figure(method: str) -> Any:
    """The three images under a ceiling that is drawn from their boxes, each at the threshold that is best for it."""
    rule, network = named(PROTOCOL), network_of(method)
    figure, axes = plt.subplots(1, len(scenes()), figsize=(WIDTH, 2.62))
    for axis, scene in zip(axes, scenes(), strict=True):
        item, tau = best_item(method, scene, rule, network=network)
        boxes, iou = found(item, rule, tau)
        below = f"{hit(iou)}, threshold {tau:.2f}"
        panel(axis, scene.image, map01=heat_of(item, rule), truth=scene.boxes_xyxy, boxes=boxes, below=below)
    title = methods[method].info.title
    figure.suptitle(f"{title} on {network}, each at the best threshold for it", x=0.01, ha="left", fontsize=9.5)
    key(figure)
    return figure


def order_figure(method: str) -> Any:
    """The three images under a ceiling of insertion, each with the area under its curve and that of a method."""
    rule, network = named(PROTOCOL), network_of(method)
    figure, axes = plt.subplots(1, len(scenes()), figsize=(WIDTH, 2.62))
    areas = insertion(network, (method, BESIDE))
    for n, (axis, scene, item) in enumerate(zip(axes, scenes(), items(method, network=network), strict=True)):
        below = f"insertion {areas[method][n]:.2f}, {methods[BESIDE].info.title}'s {areas[BESIDE][n]:.2f}"
        panel(axis, scene.image, map01=heat_of(item, rule), truth=scene.boxes_xyxy, below=below)
    title = methods[method].info.title
    figure.suptitle(f"{title} on {network}: the region inserted first is 1", x=0.01, ha="left", fontsize=9.5)
    key(figure, boxes=False)
    return figure


def insertion(network: str, ours: Sequence[str]) -> dict[str, list[float]]:
    """By method, for each of the three images the area under the insertion curve, in [0, 1]."""
    images = [(scene.image, scene.label, scene.boxes_xyxy) for scene in scenes()]
    result = wsol.evaluate(classifier(network), images, ours, [], [CURVES], gallery=0)
    rows = result.rows().sort_values("image_id")  # by their number
    return {method: rows[rows["method"] == method][f"{CURVES}/insertion_auc"].tolist() for method in ours}


def images_figure() -> Any:
    """The three images themselves."""
    figure, axes = plt.subplots(1, len(scenes()), figsize=(WIDTH, 2.4))
    words = ("the sign, a cross, is small", "a body of three lobes", "two objects of the class")
    for axis, scene, word in zip(axes, scenes(), words, strict=True):
        panel(axis, scene.image, truth=scene.boxes_xyxy, below=word)
    key(figure, maps=False)
    return figure
