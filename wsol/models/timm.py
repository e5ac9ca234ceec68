"""Any timm classifier as `timm/<name>`, with timm's own weights and preprocessing; needs the extra `timm`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsol.errors import ModelError, unknown
from wsol.models import weights as weights_files
from wsol.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, Color, finish, seeded

if TYPE_CHECKING:
    from torch import nn

PRETRAINED = ("DEFAULT", "pretrained")


def names() -> tuple[str, ...]:
    """None: timm's thousand names are not listed, since asking for them imports timm."""
    return ()


def knows(name: str) -> bool:
    """Whether `name` is one of timm's, by its prefix."""
    return name.startswith("timm/")


def options(name: str) -> tuple[str, ...]:
    """None."""
    return ()


def load(name: str, *, weights: str | None, num_classes: int | None, input_size: int | None) -> Classifier:
    """See `wsol.models.zoo.load_classifier`. `weights=DEFAULT` are timm's own; a tag in the name chooses one."""
    timm, architecture = _known(name)

    def build(classes: int | None, *, pretrained: bool = False) -> nn.Module:
        options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
        sized: dict[str, Any] = {"img_size": input_size} if input_size is not None else {}
        try:
            made: nn.Module = timm.create_model(architecture, pretrained=pretrained, **options, **sized)
        except TypeError:  # only architectures whose parameters depend on the input's size take it
            made = timm.create_model(architecture, pretrained=pretrained, **options)
        return made

    wanted = weights or "DEFAULT"
    if wanted == "random":
        with seeded():
            module, source = build(num_classes), "random"
    elif wanted in PRETRAINED:
        module, source = _pretrained(name, build), "timm"
        weights_files.check_count(f"the weights of {name}", int(getattr(module, "num_classes", 0)), num_classes)
    else:
        if "/" not in wanted and "." not in wanted:
            raise unknown(
                f"weights file, nor set of weights of {name},", wanted, ["random", *PRETRAINED], error=ModelError
            )
        module, source = weights_files.load_file(build, wanted, num_classes=num_classes, name=name)
    if getattr(module, "num_classes", None) == 0:
        raise ModelError(
            f"{name} has no classifier, only features; give model.num_classes and a file with a trained head"
        )
    config: dict[str, Any] = dict(getattr(module, "pretrained_cfg", None) or {})
    side = input_size or int(config.get("input_size", (3, 224, 224))[-1])
    mean, std = _color(config.get("mean"), IMAGENET_MEAN), _color(config.get("std"), IMAGENET_STD)
    return finish(name, module, source, side, mean, std)


def trunk(name: str, *, pretrained: bool, input_size: int | None) -> nn.Module:
    """A network of timm without its classifier, (B, 3, h, w) to features, also one that never had any.

    Raises
    ------
    UnknownName : no such network. ModelError : timm is missing, or its weights are.
    """
    timm, architecture = _known(name)

    def build(_: int | None, *, pretrained: bool = pretrained) -> nn.Module:
        sized: dict[str, Any] = {} if input_size is None else {"img_size": input_size}
        made: nn.Module = timm.create_model(architecture, pretrained=pretrained, num_classes=0, **sized)
        return made

    if pretrained:
        return _pretrained(name, build)
    with seeded():
        return build(None)


def _known(name: str) -> tuple[Any, str]:
    """The module timm, and its own name of a network. Raises UnknownName or ModelError."""
    try:
        import timm
    except ImportError as error:
        raise ModelError(f"{name} needs timm, which is not installed: pip install 'wsol[timm]'") from error
    architecture = name.removeprefix("timm/")
    if not timm.is_model(architecture):
        known = [f"timm/{n}" for n in timm.list_models()]
        raise unknown("model", name, known, see="timm.list_models()")
    return timm, architecture


def _pretrained(name: str, build: Any) -> nn.Module:
    """timm's own weights, from its cache or download."""
    try:
        module: nn.Module = build(None, pretrained=True)
    except Exception as error:  # hub, network, disk: each raises its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"the weights of {name} can't be had ({reason}); give a file (model.weights=PATH), or model.weights=random"
        ) from error
    weights_files.check_finite(module, f"the weights of {name}")
    return module


def _color(given: Any, otherwise: Color) -> Color:
    return otherwise if given is None else (float(given[0]), float(given[1]), float(given[2]))
