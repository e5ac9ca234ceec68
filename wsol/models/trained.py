"""Networks that `wsol train` wrote: weights that say themselves which network they are of, in their metadata.

``model=DIR`` and ``model=DIR/model.safetensors`` load them, and so does ``model=NAME model.weights=FILE``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError, ModelError, unknown
from wsol.models import weights as weights_files
from wsol.models.classifier import Classifier, Color, weights_id
from wsol.options import build as checked

if TYPE_CHECKING:
    from torch import nn

FILE = "model.safetensors"  # in the folder of a training
ENTRY = "wsol"  # of the metadata
NAME = "trained"  # model=trained model.weights=FILE is what model=FILE becomes
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Design:
    """How a network is built, without its weights.

    Attributes
    ----------
    network, options : as `load_classifier` takes them.
    new_head : none, linear, pooled or tokens, see `wsol.training.recipe.Recipe`; head_layer, head_width : of it.
    """

    network: str
    num_classes: int
    input_size: int
    new_head: str = "linear"
    head_layer: str = "last"
    head_width: int = 256
    options: Any = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainedRecord:
    """What a file of weights says of itself.

    Attributes
    ----------
    mean, std : of the normalization, for pixels in [0, 1]; class_names : by class index, may be empty.
    technique : its key with its options. accuracy : percent, None where it was not measured; accuracy_on : of what.
    """

    version: int
    design: Any
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    technique: str
    recipe: str
    dataset: str
    seed: int
    epochs: int
    accuracy: float | None
    accuracy_on: str

    @property
    def built(self) -> Design:
        """How the network is built. Raises ConfigError for a record of another kind."""
        return checked(Design, self.design, where="design")


def build(design: Design) -> Classifier:
    """The network with random weights (seeded). Raises as `load_classifier`."""
    from wsol.models.new_heads import with_pooled_head, with_token_head
    from wsol.models.timm import trunk
    from wsol.models.zoo import load_classifier

    if design.new_head == "tokens":
        if not design.network.startswith("timm/"):
            raise ConfigError(f"recipe.new_head=tokens takes networks of timm, timm/NAME, not {design.network}")
        base = trunk(design.network, pretrained=False, input_size=design.input_size)
        module: nn.Module = with_token_head(base, design.num_classes, design.head_width)
        config: Mapping[str, Any] = getattr(base, "pretrained_cfg", None) or {}
        mean, std = _color(config.get("mean"), (0.485, 0.456, 0.406)), _color(config.get("std"), (0.229, 0.224, 0.225))
        return Classifier(
            name=design.network,
            module=module,
            num_classes=design.num_classes,
            input_size=design.input_size,
            mean=mean,
            std=std,
            weights_id=weights_id("random", module),
        )
    own = None if design.new_head == "pooled" else design.num_classes
    classifier = load_classifier(
        design.network, weights="random", num_classes=own, input_size=design.input_size, **design.options
    )
    if design.new_head != "pooled":
        return classifier
    module, _ = with_pooled_head(classifier, design.head_layer, design.num_classes)
    return dataclasses.replace(
        classifier,
        module=module,
        num_classes=design.num_classes,
        weights_id=weights_id("random", module),
        class_names=(),
    )


def read_record(place: str | Path) -> TrainedRecord | None:
    """What a file says of itself; None for one that `wsol train` did not write. Raises ModelError."""
    import safetensors

    file = file_of(place)
    if file is None or file.suffix != ".safetensors":
        return None
    try:
        with safetensors.safe_open(file, framework="pt") as content:
            entry = (content.metadata() or {}).get(ENTRY)
    except Exception as error:  # of the disk, or safetensors' own
        raise ModelError(f"{place} can't be read as weights: {str(error).splitlines()[0]}") from error
    if entry is None:
        return None
    try:
        return checked(TrainedRecord, json.loads(entry), where="record")
    except (ValueError, ConfigError) as error:
        raise ModelError(f"{place} says of itself what this version of wsol can't read ({error})") from error


def file_of(place: str | Path) -> Path | None:
    """The file of weights at a path, a file or the folder of a training; None where there is none."""
    path = Path(place).expanduser()
    try:
        found = path / FILE if path.is_dir() else path
        return found if found.is_file() else None
    except (OSError, ValueError):
        return None


def names() -> tuple[str, ...]:
    """None: they are files."""
    return ()


def knows(name: str) -> bool:
    """Whether `name` is a file that `wsol train` wrote, or its folder; or ``trained``, of which the weights say it."""
    return name == NAME or (("/" in name or name.endswith(".safetensors")) and _is_record(name))


def options(name: str) -> tuple[str, ...]:
    """None: the file has them."""
    return ()


def load(
    name: str, *, weights: str | None, num_classes: int | None, input_size: int | None, **options: Any
) -> Classifier:
    """See `wsol.models.zoo.load_classifier`. The classifier's name is that of its network.

    Raises
    ------
    ModelError : no such file, one without a record, or `options` other than those it was trained with.
    """
    place = weights if name == NAME else name
    if place is None:
        raise ModelError("model=trained needs model.weights=FILE, a file that wsol train wrote; or write model=FILE")
    if name != NAME and weights is not None:
        raise ModelError(f"model={name} has weights of its own; leave model.weights={weights} out")
    record, file = read_record(place), file_of(place)
    if file is None:
        beside = Path(place).expanduser().parent
        near = [str(one) for one in beside.glob("*") if file_of(one)] if beside.is_dir() else []
        raise unknown("trained network", place, near, error=ModelError)
    if record is None:
        raise ModelError(f"{place} does not say which network it is of; give model=NAME model.weights={place}")
    design = record.built
    for option, value in options.items():
        if design.options.get(option, value) != value:
            raise ModelError(
                f"the weights in {place} were trained with model.{option}={design.options[option]}, not {value}; "
                f"leave model.{option} out"
            )
    weights_files.check_count(f"the weights in {place}", design.num_classes, num_classes)
    classifier = build(dataclasses.replace(design, input_size=input_size or design.input_size))
    weights_files.fill(classifier.module, weights_files.read_state(str(file)), path=str(file), name=design.network)
    return dataclasses.replace(
        classifier,
        mean=_color(record.mean, classifier.mean),
        std=_color(record.std, classifier.std),
        weights_id=weights_id(f"{record.recipe}[{record.technique}]", classifier.module),
        class_names=record.class_names if len(record.class_names) == design.num_classes else (),
    )


def is_of(name: str, weights: str | None) -> bool:
    """Whether a file of weights says that it is of the network `name`."""
    if weights is None or not weights.endswith(".safetensors"):
        return False
    record = read_record(weights)
    return record is not None and record.design.get("network") == name


def _is_record(name: str) -> bool:
    try:
        return read_record(name) is not None
    except ModelError:
        return False


def _color(given: Any, otherwise: Color) -> Color:
    return otherwise if given is None else (float(given[0]), float(given[1]), float(given[2]))
