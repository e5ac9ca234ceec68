"""Are the labels in the order in which the network counts classes?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from wsol.datasets.labels import plain_name
from wsol.datasets.ranks import rank_of
from wsol.diagnosis.finding import Finding

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment

TRIED = 32  # images that the network classifies
ENOUGH = 20  # of which at least so many tell a network that guesses from one that knows
CHANCE = 0.01  # a network that guesses is right more often than this only so seldom


def label_order(experiment: Experiment) -> Iterator[Finding]:
    """Names of classes compared with the network's, and a few images classified."""
    assert experiment.classifier is not None
    data, classifier = experiment.dataset, experiment.classifier
    labels = sorted({sample.label for sample in data.samples()})
    span = f"labels {labels[0]} to {labels[-1]}" if len(labels) > 1 else f"label {labels[0]}"
    yield Finding("ok", "labels", f"{span} of {data.key}; {classifier.name} knows {classifier.num_classes} classes")
    yield from _names(labels, data.class_names, classifier.class_names)
    if classifier.weights_id.startswith("random"):
        yield Finding("note", "labels", "the weights are random, so that no image can be classified to check labels")
    else:
        yield _classified(experiment)


def _names(labels: Sequence[int], ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Finding]:
    """Where both name their classes: is each name at the same index?"""
    places = {plain_name(name): place for place, name in reversed(list(enumerate(theirs)))}
    known = [label for label in labels if label < len(ours) and plain_name(ours[label]) in places]
    if not known:
        return
    moved = [label for label in known if plain_name(ours[label]) != plain_name(theirs[label])]
    for label in moved[:1]:
        place = places[plain_name(ours[label])]
        yield Finding(
            "bad",
            "labels",
            f"{len(moved)} of {len(known)} class names are at another index in the network, first {ours[label]!r}: "
            f"label {label} of the data, {place} of the network",
        )
    if not moved:
        yield Finding("ok", "labels", f"{len(known)} of {len(labels)} class names are the network's, at the same index")


def _classified(experiment: Experiment) -> Finding:
    """The network's rank of the label on a few images, spread over the dataset."""
    samples = experiment.dataset.samples()
    places = np.unique(np.linspace(0, len(samples) - 1, min(TRIED, len(samples))).round().astype(int))
    source = experiment.source()
    query = source.query
    assert query is not None
    ranks = []
    for place in places:
        sample = samples[place]
        maps = source.maps([source.load(sample, [experiment.view], set())], experiment.view, [])
        assert maps.logits is not None
        ranks.append(rank_of(maps.logits(0), sample.label))
    assert experiment.classifier is not None
    n, top1, classes = len(ranks), sum(rank == 0 for rank in ranks), experiment.classifier.num_classes
    top5 = f" and on {sum(rank < 5 for rank in ranks)} among the first five" if classes > 5 else ""
    text = f"on {top1} of {n} images the network's first class is the label{top5}"
    if n < ENOUGH or binom.sf(top1 - 1, n, 1 / classes) < CHANCE:
        return Finding("ok" if n >= ENOUGH else "note", "labels", text)
    return Finding(
        "bad",
        "labels",
        f"{text}, no more than a guess would give: the labels may be in another order than the network's classes, or "
        "the weights are of another data set",
    )
