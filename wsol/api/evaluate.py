"""An experiment from Python objects: the same evaluation, rows and tables as `wsol run`, without a configuration."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

from wsol.api.attribute import unwrapped
from wsol.api.result import Result
from wsol.datasets.adapt import PythonDataset
from wsol.datasets.base import Dataset, datasets
from wsol.datasets.labels import match_class_indices
from wsol.environment import versions
from wsol.errors import ConfigError
from wsol.evaluation.adopt import adopt
from wsol.evaluation.build import chosen_metric, chunk_of, engine_of
from wsol.evaluation.engines import run_local
from wsol.evaluation.experiment import Experiment, Numerics
from wsol.methods._variants import variant_of
from wsol.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, Color, finish
from wsol.models.stages import resolve_layer, stages
from wsol.models.zoo import load_classifier
from wsol.options import build
from wsol.protocols._base import Protocol, named
from wsol.runs.folder import RunFolder
from wsol.views import view_named

if TYPE_CHECKING:
    from torch import nn

    from wsol.methods._base import Method

    AnyMethod = str | type[Method] | Method


def evaluate(
    model: nn.Module | Classifier | str,
    dataset: Any,
    methods: Sequence[AnyMethod] | AnyMethod = ("gradcam", "layercam"),
    protocols: Sequence[str | Protocol] | str = ("choe2020_v2",),
    metrics: Sequence[str] | Mapping[str, Mapping[str, Any]] = (),
    *,
    layers: str | None = None,
    runs: str | Path | None = None,
    view: str = "squash",
    input_size: int | None = None,
    mean: Color | None = None,
    std: Color | None = None,
    class_names: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    batch_size: int = 16,
    gallery: int = 60,
) -> Result:
    """Evaluate methods on a dataset: ``wsol.evaluate(model, dataset, ["gradcam", MyCAM]).table()``.

    Parameters
    ----------
    model : any network whose output is (B, classes), a loaded `Classifier`, or a name.
    dataset : a name (``shapes``), a wsol dataset, or anything with ``len`` and ``[index]`` whose items are (image,
        label, boxes or mask); see `wsol.datasets.adapt.PythonDataset`.
    methods : keys, classes registered with `@wsol.method`, or instances with options: ``LayerCAM(gamma=2)``.
    protocols, metrics : names; metrics may be a mapping from name to options.
    layers : for the methods that take layers and were given none; ``stage3+stage5`` fuses.
    runs : a folder to keep the rows in: the same call then resumes, and `wsol table` reads them. None is a temporary
        folder that goes with the result.
    limit : evaluate only the first images.
    gallery : how many images are kept with their maps for the report.

    Raises
    ------
    WsolError : anything that does not fit, in one sentence.
    """
    data = _dataset(dataset, class_names, limit)
    classifier = _classifier(model, input_size=input_size, mean=mean, std=std, class_names=class_names)
    data = match_class_indices(data, classifier.class_names, classifier.num_classes)
    names = list(stages(classifier))
    given = {} if layers is None else {"layers": layers}
    several = [methods] if isinstance(methods, str | type) or not isinstance(methods, Sequence) else methods
    variants = {
        v.id: v
        for v in (
            variant_of(one, given, resolve=lambda layer: resolve_layer(classifier, layer), stages=names)
            for one in several
        )
    }
    rules = [protocols] if isinstance(protocols, str) else protocols
    chosen = metrics if isinstance(metrics, Mapping) else {name: {} for name in metrics}
    engine = engine_of({"engine": {"batch_size": batch_size}})
    weight = next(iter(classifier.module.parameters()), None)
    experiment = Experiment(
        dataset=data,
        classifier=classifier,
        variants=tuple(variants.values()),
        protocols=tuple(named(one) if isinstance(one, str) else one for one in rules),
        metrics=tuple(chosen_metric(name, options) for name, options in chosen.items()),
        view=view_named(view, classifier.input_size),
        seed=seed,
        batch_size=engine.batch_size,
        chunk=chunk_of(engine),
        threads=engine.workers,
        gallery=gallery,
        numerics=Numerics(device="cpu" if weight is None else str(weight.device)),
    )
    if not experiment.variants or not (experiment.protocols or experiment.metrics):
        raise ConfigError("nothing to evaluate: give at least one method, and a protocol or a metric")
    temporary = Path(tempfile.mkdtemp(prefix="wsol-")) if runs is None else None
    runs = temporary or runs or ""
    folder = RunFolder(Path(runs) / experiment.folder_name)
    folder.write_manifest(experiment.manifest(versions()))
    adopt(experiment, folder)
    run_local(experiment, folder)
    folder.write_manifest(experiment.manifest(versions()))  # the newest finished run is `latest`
    result = Result(folder, variants=[v.key for v in experiment.variants])
    if temporary is not None:
        finalize(result, shutil.rmtree, temporary, ignore_errors=True)
    return result


def _dataset(dataset: Any, class_names: Sequence[str], limit: int | None) -> Dataset:
    if isinstance(dataset, str):
        return build(datasets[dataset], {} if limit is None else {"limit": limit}, where="dataset")
    if isinstance(dataset, Dataset):
        return dataset
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")):
        raise ConfigError(
            f"dataset is a {type(dataset).__name__}; expected a name, or something with len() and [index] whose items "
            "are (image, label, boxes or mask); of a DataLoader give loader.dataset"
        )
    return PythonDataset(items=dataset, names=tuple(class_names), limit=limit)


def _classifier(
    model: nn.Module | Classifier | str,
    *,
    input_size: int | None,
    mean: Color | None,
    std: Color | None,
    class_names: Sequence[str],
) -> Classifier:
    if isinstance(model, str):
        return load_classifier(model, input_size=input_size)
    if isinstance(model, Classifier):
        return model
    module = unwrapped(model)
    config = getattr(module, "pretrained_cfg", None) or {}
    side = input_size or int(config.get("input_size", (224,))[-1])
    return finish(
        type(module).__name__,
        module,
        "python",
        side,
        mean or tuple(config.get("mean", IMAGENET_MEAN)),
        std or tuple(config.get("std", IMAGENET_STD)),
        tuple(class_names),
    )
