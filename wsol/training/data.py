"""The images of a training: those to train on, those whose accuracy is logged, and how many classes they have."""

from __future__ import annotations

import dataclasses
import hashlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.datasets.base import Dataset, datasets
from wsol.errors import ConfigError, DataError
from wsol.evaluation.build import load_dataset
from wsol.options import defaults
from wsol.training.images import held_out

if TYPE_CHECKING:
    from wsol.datasets.sample import Sample
    from wsol.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Images:
    """Some images of a data set, and what to call them."""

    dataset: Dataset
    samples: tuple[Sample, ...]
    name: str


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """All images of a training.

    Attributes
    ----------
    train : those to train on. check : those whose accuracy is logged; None for none.
    options : of the data set that is trained on.
    """

    train: Images
    check: Images | None
    options: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the images to train on: options but for paths; ids, labels and sizes."""
        data, samples = self.train.dataset, self.train.samples
        hints = typing.get_type_hints(type(data))
        paths = {name for name, hint in hints.items() if hint is Path or Path in typing.get_args(hint)}
        options = {key: value for key, value in self.options.items() if key not in paths and key != "about"}
        digest = hashlib.sha256()
        for sample in samples:
            digest.update(f"{sample.image_id}\t{sample.label}\t{sample.size_wh}\n".encode())
        return {**options, "split": data.split, "images": len(samples), "digest": digest.hexdigest()[:16]}

    def classes(self, wanted: int | None) -> int:
        """How many classes the network gets: those `wanted`, or those that the data set knows of.

        Raises
        ------
        DataError : fewer than two, or fewer than there are labels.
        """
        data = self.train.dataset
        highest = max(sample.label for sample in self.train.samples)
        known = data.num_classes or len(data.class_names) or highest + 1
        if wanted is not None and wanted <= highest:
            raise DataError(f"model.num_classes={wanted}, but dataset {data.key} has label {highest}; leave it out")
        count = wanted or max(known, highest + 1)
        if count < 2:
            raise DataError(f"dataset {data.key} has images of one class alone; training needs two or more")
        return count


def training_data(
    given: Mapping[str, Any],
    recipe: Recipe,
    recipe_options: Mapping[str, Any],
    *,
    train_split: str,
    val_split: str,
    seed: int,
) -> TrainingData:
    """Read the images of a training.

    Parameters
    ----------
    given : options of the data set, its name included. recipe_options : those that a recipe sets for training;
        what was given comes before them, and images to check do without them.

    Raises
    ------
    ConfigError : a split that the data set doesn't have, or that is both trained on and checked.
    DataError : images or labels that can't be read.
    """
    plain = defaults(datasets[str(given.get("name", ""))])
    options = {**given, **{name: v for name, v in recipe_options.items() if given.get(name) == plain.get(name)}}
    train = _split(options, train_split, "train_split")
    check = None
    if recipe.check == "held_out":
        kept, rest = held_out(train.samples, recipe.held_out, seed)
        if rest:
            name = f"{len(rest)} held-out images of {train.dataset.key}"
            check = Images(dataset=train.dataset, samples=tuple(rest), name=name)
        train = dataclasses.replace(train, samples=tuple(kept))
    elif recipe.check == "val":
        check = _split(given, val_split, "val_split")
        if val_split == train_split:
            raise ConfigError(f"val_split={val_split} is what is trained on; give recipe.check=held_out or none")
        name = f"{check.dataset.key}, {check.name} ({len(check.samples)} images)"
        check = dataclasses.replace(check, name=name)
    return TrainingData(train=train, check=check, options=options)


def _split(node: Mapping[str, Any], split: str, setting: str) -> Images:
    """One split of a data set, boxes or not. Raises ConfigError where there are no splits."""
    fields = {f.name for f in dataclasses.fields(datasets[str(node.get("name", ""))]) if f.init}
    values = dict(node)
    if "split" in fields:
        values["split"] = split
    elif split not in ("train", ""):
        raise ConfigError(f"{setting}={split}: dataset {node.get('name')} has no splits; give {setting}=''")
    if "labels_only" in fields:
        values["labels_only"] = True  # training takes labels alone
    try:
        data = load_dataset(values)
        samples = tuple(data.samples())
    except (DataError, ConfigError) as error:
        raise type(error)(f"{setting}={split}: {error}") from error
    name = f"split {split}" if "split" in fields and split else "all images"
    return Images(dataset=data, samples=samples, name=name)
