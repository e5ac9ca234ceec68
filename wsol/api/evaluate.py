"""An experiment from Python objects: the same evaluation, rows and tables as `wsol run`, without a configuration."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

import numpy as np
import torch

from wsol.api.arguments import as_protocol, check_numbers
from wsol.api.attribute import layer_names
from wsol.api.dataset import load_dataset
from wsol.api.inputs import as_color, as_deviation
from wsol.api.networks import classes_from, network_of
from wsol.api.result import Result
from wsol.datasets.adapt import PythonDataset
from wsol.datasets.base import Dataset
from wsol.datasets.fields import short
from wsol.environment import versions
from wsol.errors import ConfigError
from wsol.evaluation.adopt import adopt
from wsol.evaluation.build import check_truth, check_view, chosen_metric
from wsol.evaluation.classes import matched
from wsol.evaluation.device import chunk_of, engine_of
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment, Numerics
from wsol.evaluation.two_stage import check_classes
from wsol.methods._variants import variant_of
from wsol.models.classifier import Classifier
from wsol.models.outputs import Reading
from wsol.models.stages import resolve_layer, stages
from wsol.protocols._base import Protocol
from wsol.runs.folder import RunFolder
from wsol.views import view_named

if TYPE_CHECKING:
    from torch import nn

    from wsol.api.attribute import Layers
    from wsol.methods._base import Method

    AnyMethod = str | type[Method] | Method


@torch.inference_mode(False)  # a caller's would leave no gradient in the network, and no stage
def evaluate(
    model: nn.Module | Classifier | str,
    dataset: Any,
    methods: Sequence[AnyMethod] | AnyMethod = ("gradcam", "layercam"),
    protocols: Sequence[str | Protocol] | str = ("choe2020_v2",),
    metrics: Sequence[str] | Mapping[str, Mapping[str, Any]] = (),
    *,
    layers: Layers | None = None,
    runs: str | Path | None = None,
    view: str = "squash",
    classifier: nn.Module | Classifier | str | Path | None = None,
    input_size: int | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    output: Reading = "logits",
    class_names: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    batch_size: int = 16,
    gallery: int = 60,
) -> Result:
    """Evaluate methods on a dataset: ``wsol.evaluate(model, dataset, ["gradcam", MyCAM]).table()``.

    Parameters
    ----------
    model : any network, a loaded `Classifier`, or a name. One of one-channel images receives the luma of the images.
    dataset : a name (``shapes``) or path, what `wsol.load_dataset` gives, or anything with ``len`` and ``[index]``
        whose items are (image, label, boxes or mask); see `wsol.datasets.adapt.PythonDataset`.
    methods : keys, classes registered with `@wsol.method`, instances with options, ``LayerCAM(gamma=2)``, or variants
        as tables print them, ``layercam@stage3-5[gamma=2]``.
    protocols, metrics : names; metrics may be a mapping from name to options.
    layers : for the methods that take layers and were given none: names or modules; several are fused.
    runs : a folder to keep the rows in: the same call then resumes, and `wsol table` reads them. None is a temporary
        folder that goes with the result.
    classifier : what gives the class for Top-1 and Top-5 Loc where that is not `model`: another network, or a file of
        its predictions or logits, as ``classifier=`` on the command line. The network gives logits of the same classes;
        where its input size and normalization are not known, they are those of `model`.
    mean, std : of the normalization, for pixels in [0, 1]: by default what the network is known to want, or ImageNet's.
    output : what the network puts out: ``logits`` (B, classes), ``prob`` (it ends in a softmax, or in a sigmoid of one
        output), ``sigmoid`` (in one per class), or a function of the output and the images that gives (B, classes)
        logits, for tuples, mappings and objects: ``output=lambda output, images: output["logits"]``.
    class_names : by index; the dataset's labels may then be names.
    limit : evaluate only the first images.
    gallery : how many images are kept with their maps for the report.

    Raises
    ------
    WsolError : anything that does not fit, in one sentence.
    """
    check_numbers(input_size=input_size, limit=limit, seed=seed, batch_size=batch_size, gallery=gallery)
    several = _listed(methods)
    rules = tuple(map(as_protocol, _listed(protocols)))
    asked = metrics if isinstance(metrics, Mapping) else {name: {} for name in _listed(metrics)}
    wrong = next((name for name, options in asked.items() if not isinstance(options, Mapping)), None)
    if wrong is not None:
        raise ConfigError(f"metrics: the options of {wrong} are {short(asked[wrong])}; expected a mapping by name")
    chosen = tuple(chosen_metric(name, options) for name, options in asked.items())
    if not several or not (rules or chosen):
        raise ConfigError("nothing to evaluate: give at least one method, and a protocol or a metric")
    data = _dataset(dataset, class_names, limit)
    check_truth(data, rules, chosen)
    with ExitStack() as opened:
        given = opened.enter_context(
            network_of(model, output, input_size, as_color(mean), as_deviation(std), class_names)
        )
        data, network = matched(data, given)
        engine = engine_of({"engine": {"batch_size": batch_size}})
        classes = opened.enter_context(classes_from(classifier, data, network, engine, view=view))
        if classes is not None:
            check_classes(classes, chosen)
        names = list(stages(network))
        fused = None if layers is None else "+".join(layer_names(network.module, layers))
        variants = {
            v.id: v
            for v in (
                variant_of(one, {}, resolve=lambda layer: resolve_layer(network, layer), stages=names, layers=fused)
                for one in several
            )
        }
        chosen_view = view_named(view, network.input_size)
        check_view(chosen_view, chosen)
        weight = next(iter(network.module.parameters()), None)
        experiment = Experiment(
            dataset=data,
            classifier=network,
            classes=classes,
            variants=tuple(variants.values()),
            protocols=rules,
            metrics=chosen,
            view=chosen_view,
            seed=seed,
            batch_size=engine.batch_size,
            chunk=chunk_of(engine),
            threads=engine.thread_count,
            gallery=gallery,
            numerics=Numerics(device="cpu" if weight is None else str(weight.device)),
        )
        temporary = Path(tempfile.mkdtemp(prefix="wsol-")) if runs is None else None
        folder = RunFolder(Path(temporary or runs or "") / experiment.folder_name)
        folder.write_manifest(experiment.manifest(versions()))
        adopt(experiment, folder)
        run_local(experiment, folder, keep_going=False)
        folder.write_manifest(experiment.manifest(versions()))  # the newest finished run is `latest`
    result = Result(folder, variants=[v.key for v in experiment.variants])
    if temporary is not None:
        finalize(result, shutil.rmtree, temporary, ignore_errors=True)
    return result


def _dataset(dataset: Any, class_names: Sequence[str], limit: int | None) -> Dataset:
    if isinstance(dataset, str):
        return load_dataset(dataset, limit=limit)
    if isinstance(dataset, Dataset):
        return dataset if limit is None else replace(dataset, limit=limit)
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise ConfigError(
            f"dataset is a {type(dataset).__name__}; expected a name, or something with len() and [index] whose items "
            "are (image, label, boxes or mask); of a DataLoader give loader.dataset"
        )
    return PythonDataset(items=dataset, names=tuple(class_names), limit=limit)


def _listed(value: Any) -> Sequence[Any]:
    """Several, or the one alone."""
    return list(value) if np.iterable(value) and not isinstance(value, str) else [value]
