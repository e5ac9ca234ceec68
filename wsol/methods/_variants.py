"""A variant is a method with its layers and options: one row of a table. Options given as lists make several.

>>> [v["gamma"] for v in combinations({"layers": "last", "gamma": [1, 2, 4]})]
[1, 2, 4]
"""

import inspect
import itertools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wsol.errors import ConfigError, LayerError, unknown
from wsol.grammar import parse, parse_layers, spell
from wsol.methods._base import Method, MethodInfo, methods, shared_options
from wsol.methods._fusion import Fusion
from wsol.options import SAMPLE, Images, Option, build, defaults, fit, options_of
from wsol.registry import source_digest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A method, bound to layers and options.

    Attributes
    ----------
    id : readable and stable: ``layercam@stage3+stage5[gamma=2]``; only options that differ from the defaults appear.
    layers : what the user called them (stage5, features.29); `modules` are the dotted names, in the same order.
    sample : evaluate only that many images (the same for every variant), or None for all.
    options : the options that differ from the defaults, for tables.
    source : hash of the method's file when it is not part of the package, so that an edited file gets new rows.
    parts : the variants of its single layers, of whose raw maps its own is fused; empty where nothing is fused.
    """

    id: str
    method: Method
    layers: tuple[str, ...]
    modules: tuple[str, ...]
    fusion: Fusion
    sample: int | None
    options: Mapping[str, Any]
    source: str
    parts: tuple["Variant", ...] = ()

    @property
    def info(self) -> MethodInfo:
        return self.method.info

    @property
    def key(self) -> str:
        """What rows are stored under."""
        return self.id if not self.source else f"{self.id}#{self.source}"

    @property
    def raw_key(self) -> object:
        """The same for all variants whose raw map of a layer is the same, whatever is fused."""
        return "raw map", self.info.key, self.source, repr(self.method)


LAYERS = "stage1 ... stage5, last, all, each, or module names; those joined by + are fused"


def variant_options(cls: type[Method]) -> list[Option]:
    """All options of a method: layers and fusion where layers can be chosen, `sample`, and those of the method itself.

    A joint method fuses its layers itself, so it has no options of fusion.
    """
    shared = [SAMPLE]
    if takes_layers(cls.info):
        shared = [Option("layers", cls.info.layers, "names", LAYERS), SAMPLE]
    of_method = options_of(cls)
    fusing = options_of(Fusion) if takes_layers(cls.info) and not cls.info.joint else []
    names = {option.name for option in of_method}
    return [*shared, *of_method, *(option for option in fusing if option.name not in names)]


def config_of(key: str) -> dict[str, Any]:
    """All options of a method with their defaults."""
    return {option.name: option.default for option in variant_options(methods[key])}


def takes_layers(info: MethodInfo) -> bool:
    """Whether layers can be chosen: not for methods in input space, nor for fixed maps."""
    return info.layers != "input"


def expand(
    chosen: Mapping[str, Mapping[str, Any]], *, resolve: Callable[[str], str], stages: Sequence[str]
) -> tuple[Variant, ...]:
    """All variants of the chosen methods.

    Parameters
    ----------
    chosen : by name, the options of a method; ``method`` names it where the entry's own name is a preset's.
    resolve : from a layer as typed to its dotted module name; raises LayerError.
    stages : the network's stage names, shallow to deep, for ``last``, ``all`` and ``each``.
    """
    variants: dict[str, Variant] = {}
    for name, options in chosen.items():
        key = str(options.get("method", name))
        methods[key]  # a wrong name is reported before its options
        plain = {k: v for k, v in options.items() if k != "method"}
        for combination in combinations(plain, stages=stages):
            variant = _bind(methods[key], combination, where=f"methods.{name}", resolve=resolve, stages=stages)
            variants.setdefault(variant.id, variant)
    if not variants:
        raise ConfigError("no method is chosen; say for example method=[gradcam,layercam]. See: wsol list methods")
    return tuple(variants.values())


def combinations(options: Mapping[str, Any], *, stages: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The product over all options given as lists; ``each`` among the layers is every stage on its own."""
    axes = []
    for name, value in options.items():
        values = value if isinstance(value, list | tuple) else [value]
        if not values:
            raise ConfigError(f"{name}=[] leaves nothing to run; give at least one value")
        if name == "layers":
            values = [layers for v in values for layers in (stages if v == "each" else [v])]
        axes.append([(name, v) for v in values])
    return [dict(choice) for choice in itertools.product(*axes)]


def variant_of(
    method: str | type[Method] | Method,
    options: Mapping[str, Any],
    *,
    resolve: Callable[[str], str],
    stages: Sequence[str],
    layers: str | None = None,
) -> Variant:
    """One variant of a method given as tables print it, by its class, or as an instance with options; see `expand`.

    Parameters
    ----------
    method : a name may be spelled as tables print it, ``layercam@stage3-5[gamma=2]``.
    layers : for a method that takes layers and was given none.

    Raises
    ------
    ConfigError : a class that was not registered with `@method`, or options that don't fit.
    """
    given: dict[str, Any] = {}
    if isinstance(method, str):
        choice = parse(method)
        cls, given = methods[choice.name], dict(choice.options)
        if choice.layers:
            given["layers"] = "+".join(choice.layers)
    elif isinstance(method, type):
        cls = method
    else:
        cls = type(method)
    if not isinstance(getattr(cls, "info", None), MethodInfo):
        if inspect.isroutine(method):
            raise ConfigError(
                f"{method.__name__} is a function; a method is a class with __call__(self, layer), registered by "
                "@wsol.method('its_key')"
            )
        name = cls.__name__
        raise ConfigError(f"{name} is not registered; write @wsol.method({name.lower()!r}) above the class")
    if not isinstance(method, str | type):
        plain = defaults(cls)
        given = {name: getattr(method, name) for name in plain if getattr(method, name) != plain[name]}
        given |= shared_options(method)
    if layers is not None and takes_layers(cls.info):
        given = {"layers": layers, **given}
    return _bind(cls, {**given, **options}, where=f"methods.{cls.info.key}", resolve=resolve, stages=stages)


def _bind(
    cls: type[Method], options: Mapping[str, Any], *, where: str, resolve: Callable[[str], str], stages: Sequence[str]
) -> Variant:
    info: MethodInfo = cls.info
    key = info.key
    of_method = defaults(cls).keys()
    known = {option.name: option.default for option in variant_options(cls)}
    fusing = defaults(Fusion).keys() & known.keys() - of_method
    for name in options:
        if name not in known:
            if name == "layers" and not takes_layers(info):
                raise ConfigError(
                    f"{key} takes no layers: its maps are in the size of the network's input; name it alone"
                )
            raise unknown("option", f"{where}.{name}", [f"{where}.{k}" for k in known], error=ConfigError)
    method = build(cls, {k: v for k, v in options.items() if k in of_method}, where=where)
    fusion = build(Fusion, {k: v for k, v in options.items() if k in fusing}, where=where)
    sample = fit(options.get("sample"), Images | None, where=f"{where}.sample")
    layers = _layers(options.get("layers", info.layers), stages)
    if len(layers) == 1 and fusion.gamma is None and set(options) & fusing - {"gamma"}:
        idle = sorted(n for n in set(options) & fusing if options[n] != known[n])
        if idle:
            names = ", ".join(f"{where}.{n}" for n in idle)
            log.warning("%s: has no effect on a single layer without gamma; left out for %s", names, layers[0])
        options, fusion = {k: v for k, v in options.items() if k not in fusing}, Fusion()
    differing = {k: v for k, v in options.items() if k != "layers" and v != known[k]}
    whole = Variant(
        id=spell(key, layers if takes_layers(info) else (), differing, _short),
        method=method,
        layers=layers,
        modules=tuple(resolve(layer) for layer in layers),
        fusion=fusion,
        sample=sample,
        options=differing,
        source=source_digest(cls) + (source_digest(methods[base]) if (base := _base_of(method)) else ""),
    )
    if info.joint or not takes_layers(info) or (len(layers) == 1 and fusion.gamma is None):
        return whole
    own = {k: v for k, v in differing.items() if k in of_method}
    parts = (
        replace(whole, id=spell(key, (layer,), own, _short), layers=(layer,), modules=(module,), options=own)
        for layer, module in zip(whole.layers, whole.modules, strict=True)
    )
    return replace(whole, parts=tuple(replace(part, fusion=Fusion()) for part in parts))


def _base_of(method: Method) -> str:
    """The method that this one runs, where it runs another one: its option `base`."""
    base = getattr(method, "base", "")
    return base if isinstance(base, str) and base in methods else ""


def _layers(typed: Any, stages: Sequence[str]) -> tuple[str, ...]:
    """``stage3-4+last`` to names; a list inside the list of variants is a fused set, too."""
    out: list[str] = []
    for name in parse_layers("+".join(map(str, typed)) if isinstance(typed, list | tuple) else str(typed)):
        out += list(stages) if name == "all" else [_from_last(name, stages)]
    return tuple(dict.fromkeys(out))


def _from_last(name: str, stages: Sequence[str]) -> str:
    """``last`` and ``last-1`` as the stages they are; other names as they are. Raises LayerError."""
    counted = re.fullmatch(r"last(?:-(\d+))?", name)
    if not counted or not stages:
        return name
    back = int(counted[1] or 0)
    if back >= len(stages):
        raise LayerError(f"layer {name!r}: the network has {len(stages)} stages; give last-{len(stages) - 1} or later")
    return stages[-1 - back]


def _short(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
