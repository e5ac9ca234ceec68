"""What each group offers: the names in the registries and in conf/, and the settings behind a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.environment import conf_dir
from wsol.errors import ConfigError, unknown
from wsol.grammar import Choice, parse
from wsol.options import defaults
from wsol.registry import load_file
from wsol.settings.records import ModelSpec

if TYPE_CHECKING:
    from wsol.methods._base import MethodInfo

GROUPS = (
    "dataset",
    "model",
    "method",
    "protocol",
    "metric",
    "view",
    "engine",
    "experiment",
    "paths",
    "recipe",
    "technique",
)
SEVERAL = {"method": "methods", "protocol": "protocols", "metric": "metrics"}  # several in one run, by their setting
PAPER = ("cam", "gradcam", "gradcam_pp", "smoothgradcam_pp", "scorecam", "ablationcam", "layercam")
FURTHER_PASSES = {
    "model",
    "attention",
    "branches",
    "second_derivatives",
}  # needs beyond one forward and one backward pass
SETS = {  # of methods, as names that stand for several
    "all": "every method that the network allows",
    "fast": "methods that need at most one forward and one backward pass",
    "cheap": "methods that need a few passes per image, or some of the network's last layers only",
    "paper": "the methods that papers compare with: " + ", ".join(PAPER),
}


MOST_NODES = 100_000  # values of one file of settings


@dataclass(frozen=True, slots=True)
class Sources:
    """Where choices come from beside the package: Python files (``--with``) and folders (``--config-dir``)."""

    files: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()


_sources = Sources()


def use(files: Sequence[str] = (), folders: Sequence[str] = ()) -> None:
    """Import `files` and look for configuration in `folders` too, in this process from now on. Raises ConfigError."""
    global _sources
    for folder in folders:
        if not Path(folder).is_dir():
            raise ConfigError(f"--config-dir {folder}: there is no such folder")
        for pattern in ("*.yaml", "*/*.yaml", "hydra/*/*.yaml"):
            for config in Path(folder).glob(pattern):
                _check_size(config)
    for file in files:
        load_file(file)
    _sources = Sources(
        tuple(str(Path(file).resolve()) for file in files), tuple(Path(folder).resolve() for folder in folders)
    )


def _check_size(file: Path) -> None:
    """Raises ConfigError for a file that unfolds to more than `MOST_NODES` values: aliases of aliases, a YAML bomb."""
    import yaml

    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OSError, RecursionError):
        return  # whoever reads it says so
    sizes: dict[int, float] = {}

    def size(node: Any) -> float:
        if id(node) not in sizes:
            sizes[id(node)] = math.inf  # a node within itself has no end
            parts = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
            sizes[id(node)] = 1 + sum(map(size, parts)) if isinstance(node, yaml.CollectionNode) else 1
        return sizes[id(node)]

    if root is not None and size(root) > MOST_NODES:
        raise ConfigError(f"{file} unfolds to more than {MOST_NODES} values by its aliases; write them out")


def sources() -> Sources:
    """What `use` was last called with."""
    return _sources


def config_file(group: str, name: str) -> Path | None:
    """The YAML file of a choice, if it has one."""
    places = (folder / group / f"{name}.yaml" for folder in (conf_dir(), *_sources.folders))
    return next((place for place in places if place.is_file()), None)


def config_names(group: str) -> list[str]:
    """The choices that are YAML files."""
    stems = {path.stem for folder in (conf_dir(), *_sources.folders) for path in (folder / group).glob("*.yaml")}
    return sorted(stems)


def about(group: str, name: str) -> str:
    """What a choice's YAML file says it is, in its entry ``about``."""
    import yaml  # and not OmegaConf, which takes as long to import as the rest of `wsol list`

    file = config_file(group, name)
    content = yaml.safe_load(file.read_text("utf-8")) if file else {}
    return str((content if isinstance(content, dict) else _from_file(group, name)).get("about", ""))


def registered(group: str) -> Mapping[str, Any]:
    """The registry of a group; empty for groups that are files only."""
    if group == "dataset":
        from wsol.datasets.base import datasets

        return datasets
    if group == "method":
        from wsol.methods._base import methods

        return methods
    if group == "metric":
        from wsol.metrics._base import metrics

        return metrics
    if group == "protocol":
        from wsol.protocols._base import protocols

        return protocols
    if group == "engine":
        from wsol.settings.engines import engines

        return engines
    if group == "view":
        from wsol.views import views

        return views
    if group == "technique":
        from wsol.training.technique import techniques

        return techniques
    return {}


def names(group: str) -> list[str]:
    """All names of a group, sorted; networks of timm (``timm/NAME``) are not listed."""
    known = {*registered(group), *config_names(group)}
    if group == "method":
        known |= SETS.keys()
    if group == "model":
        from wsol.models.zoo import model_names  # torch comes with it

        known |= {*model_names()}
    return sorted(known)


def is_known(group: str, name: str) -> bool:
    """Whether a group has a choice of that name; networks with a file are known without torch."""
    if config_file(group, name) or name in registered(group) or (group == "method" and name in SETS):
        return True
    if group != "model":
        return False
    from wsol.models.zoo import is_model

    return is_model(name)


def check(group: str, text: str) -> Choice:
    """The choice that `text` spells. Raises UnknownName with the nearest name, or ConfigError for its layers."""
    choice = parse(text)
    if not is_known(group, choice.name):
        raise unknown(group, choice.name, names(group), see="" if group == "paths" else f"wsol list {group}s")
    if choice.layers and group != "method":
        raise ConfigError(f"{text}: only methods take layers; write {group}={choice.name}[option=value]")
    if group == "method" and choice.name in SETS and (choice.layers or choice.options.keys() - {"sample", "quick"}):
        raise ConfigError(
            f"{text}: {choice.name} stands for several methods; it takes sample=NUMBER and quick=true only"
        )
    return choice


def content(group: str, text: str) -> dict[str, Any]:
    """The settings behind a choice, as they stand under the group: names that select several make several entries."""
    choice = check(group, text)
    if group == "method" and choice.name in SETS:
        return _several(choice)
    options = {**_options(group, choice.name), **choice.options}
    if choice.layers:
        options["layers"] = "+".join(choice.layers)
    return {key_of(text): options} if group in SEVERAL else options


def _several(choice: Choice) -> dict[str, Any]:
    """An entry for each method of a set; ``quick`` gives each the options that it says are enough for a demo."""
    infos = {name: registered("method")[name].info for name in members(choice.name)}
    quick = {name: info.quick if choice.options.get("quick") else {} for name, info in infos.items()}
    sample = {"sample": choice.options.get("sample")}
    return {key_of(name): {**_options("method", name), **quick[name], **sample, "optional": True} for name in infos}


def members(name: str) -> list[str]:
    """The methods that a name of `SETS` stands for."""
    if name == "paper":
        return list(PAPER)
    known = registered("method")
    infos = {key: known[key].info for key in known if "." not in key}  # a dot is in other libraries' names
    infos = {key: info for key, info in infos.items() if info.role != "ceiling"}
    wanted: Mapping[str, Callable[[MethodInfo], bool]] = {
        "all": lambda info: True,
        "cheap": lambda info: not info.costly,
        "fast": lambda info: not info.needs & FURTHER_PASSES,
    }
    return [key for key, info in infos.items() if wanted[name](info)]


def key_of(name: str) -> str:
    """A dot would nest the settings: peer.gradcam.GradCAM is set as methods.peer_gradcam_GradCAM."""
    return name.replace(".", "_") if parse(name).is_name else name


def _options(group: str, name: str) -> dict[str, Any]:
    """The options of one name with their defaults."""
    if group == "model" and not config_file(group, name):
        return {**defaults(ModelSpec), "name": name}
    if name not in registered(group):
        return _from_file(group, name)
    if group == "dataset":  # a file of the same name says where its folders are
        options = {"name": name, **defaults(registered(group)[name]), **_from_file(group, name)}
    elif group == "method":
        from wsol.methods._variants import config_of

        options = {"method": name, **config_of(name)}
    elif group == "metric":
        options = {"metric": name, "sample": None, **defaults(registered(group)[name])}
    elif group == "engine":
        options = defaults(registered(group)[name])
    elif group == "view":
        options = {"name": name, **defaults(registered(group)[name]), "side": None}  # the network's own side
    elif group == "technique":
        options = {"name": name, **dict.fromkeys(defaults(registered(group)[name]))}  # null: what the recipe says
    else:
        options = {"protocol": name, **registered(group)[name].knobs}
    return {key: _plain(value) for key, value in options.items()}


def _from_file(group: str, name: str) -> dict[str, Any]:
    from omegaconf import OmegaConf

    file = config_file(group, name)
    loaded = OmegaConf.to_container(OmegaConf.load(file), resolve=False) if file else {}
    if not isinstance(loaded, dict):
        raise ConfigError(f"{file} holds a {type(loaded).__name__}; expected settings, name: value")
    return {str(key): value for key, value in loaded.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
