"""What can be chosen on the command line: everything in the registries and in conf/, and sentences for what can't."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol.environment import conf_dir
from wsol.errors import ConfigError, WsolError, unknown
from wsol.registry import load_file

PATHS = {
    *(f"dataset.{name}" for name in ("images", "annotations", "metadata", "masks")),
    *(f"paths.{name}" for name in ("data", "runs")),
    "model.weights",
}  # settings whose values are paths
GROUPS = ("dataset", "model", "method", "protocol", "metric", "view", "engine", "experiment", "paths")


def load_with(words: list[str]) -> list[str]:
    """Take ``--with FILE`` out of `words` and import the files."""
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "--with":
            file = next(waiting, None)
            if file is None:
                raise ConfigError("--with needs a file: --with my_cam.py")
            load_file(file)
        elif word.startswith("--with="):
            load_file(word.removeprefix("--with="))
        else:
            rest.append(word)
    return rest


def reading(words: list[str]) -> list[str]:
    """Words of a command that reads runs: ``--with`` taken out, ``paths.runs=DIR`` of `wsol run` as ``--runs=DIR``."""
    return [re.sub(r"^paths\.runs=", "--runs=", word) for word in load_with(words)]


def rewrite(words: Sequence[str]) -> list[str]:
    """Overrides as Hydra takes them: paths are quoted, and knobs of a protocol are those of every chosen one.

    ``protocol.normalise=max`` becomes ``protocols.<name>.normalise=max``; ``method.layers=...`` and
    ``metric.sample=...`` likewise.
    """
    out: list[str] = []
    for word in map(_quoted, words):
        found = re.fullmatch(r"(protocol|method|metric)\.(\w+)=(.*)", word)
        if not found:
            out.append(word)
            continue
        group, knob, value = found.groups()
        names = _chosen(group, words)
        if not names:
            raise ConfigError(f"{word}: say which {group} it is for: {group}=NAME, or {group}s.NAME.{knob}={value}")
        out += [f"{group}s.{name}.{knob}={value}" for name in names]
    return out


def _quoted(word: str) -> str:
    """A path with characters that Hydra's grammar lacks (letters beyond ASCII, brackets) in quotes."""
    key, equals, value = word.partition("=")
    if not equals or key not in PATHS or re.fullmatch(r"[\w/.:+@%~$?*{} -]*|'.*'|\".*\"", value, re.ASCII):
        return word
    escaped = value.replace("'", "\\'")
    return word if "," in value and not Path(value).expanduser().exists() else f"{key}='{escaped}'"


def flags_first(words: Sequence[str]) -> list[str]:
    """Overrides behind the flags: Hydra's parser takes them only in one piece, and people write ``a=1 -m b=2``."""
    overrides = [w for w in words if not w.startswith("-") and ("=" in w or w.startswith("~"))]
    return [w for w in words if w not in overrides] + overrides


def store(words: Sequence[str], *, typed: str | None = None) -> None:
    """Register every component as a Hydra choice, and the networks named in `words`.

    `typed` is the line that a shell wants completed: then only the files of methods and metrics whose options are
    being set are imported, and the others have none.
    """
    from hydra.core.config_store import ConfigStore

    from wsol.datasets.base import datasets
    from wsol.methods._base import methods
    from wsol.metrics._base import metrics
    from wsol.options import defaults
    from wsol.protocols._base import protocols

    def wanted(kind: str, name: str) -> bool:
        return typed is None or f" {kind}s.{name}." in typed

    configs = ConfigStore.instance()
    for name, dataset in datasets.items():
        configs.store(group="dataset", name=name, node={"name": name, **defaults(dataset)})
    for name in methods:
        # a dot would nest the package: peer.gradcam.GradCAM is set as methods.peer_gradcam_GradCAM
        key = name.replace(".", "_")
        node = {"method": name, **(_method_options(name) if wanted("method", key) else {})}
        configs.store(group="method", name=name, node=node, package=f"methods.{key}")
    for name, protocol in protocols.items():
        node = {"protocol": name, **{k: _plain(v) for k, v in protocol.knobs.items()}}
        configs.store(group="protocol", name=name, node=node, package=f"protocols.{name}")
    for name in metrics:
        own = defaults(metrics[name]) if wanted("metric", name) else {}
        node = {"metric": name, "sample": None, **{k: _plain(v) for k, v in own.items()}}
        configs.store(group="metric", name=name, node=node, package=f"metrics.{name}")
    for name in _named_models(words):
        # a slash in the name (timm/resnet50) is a folder to Hydra
        group, _, leaf = f"model/{name}".rpartition("/")
        configs.store(group=group, name=leaf, node={"name": name, **MODEL}, package="model")


def _method_options(name: str) -> dict[str, Any]:
    from wsol.methods._variants import config_of  # torch comes with it

    return config_of(name)


# Options of a network; `null` leaves the choice to the architecture and its weights.
MODEL: dict[str, Any] = {"weights": None, "num_classes": None, "input_size": None, "randomise": None}


def explained(error: Exception, words: Sequence[str]) -> WsolError:
    """Hydra's or OmegaConf's complaint as one sentence with the nearest name."""
    text = str(error)
    if found := re.search(r"Could not (?:find|load) '(\w+)/([^']+)'", text):
        group, name = found.groups()
        return unknown(group, name, options(group), see="" if group == "paths" else f"wsol list {group}s")
    cause: BaseException | None = error
    while cause is not None:
        if found := re.search(r"(?:Key '(\w+)' is not in struct|Could not override '([\w.\[\]@/-]+)')", str(cause)):
            full = re.search(r"full_key: ([\w.]+)", str(cause))
            key = full.group(1) if full else found.group(2) or found.group(1)
            if sentence := _not_chosen(key, words):
                return ConfigError(sentence)
            return unknown("option", key, _all_keys(words), error=ConfigError)
        cause = cause.__cause__ or cause.__context__
    if found := re.search(r"Ambiguous value for argument '(\w+)=([^']+)'", text):
        group, names = found.groups()
        return ConfigError(f"{group}={names}: write {group}=[{names}] for all in one run, or add -m for a run each")
    return ConfigError(" ".join(text.split("\n")[0].split()))


def _not_chosen(key: str, words: Sequence[str]) -> str:
    """For ``methods.layercam.gamma`` where layercam is not among the methods that `words` choose."""
    group, _, rest = key.partition(".")
    kind, name = group.removesuffix("s"), rest.partition(".")[0]
    chosen = _chosen(kind, words)
    if group not in ("methods", "metrics", "protocols") or not chosen or name in chosen or name not in names(kind):
        return ""
    return f"{key} is an option of {name}, which is not chosen; add it: {kind}=[{','.join([*chosen, name])}]"


def names(group: str) -> list[str]:
    """Every name of a group but networks', whether or not Hydra knows it yet."""
    from wsol.datasets.base import datasets
    from wsol.methods._base import methods
    from wsol.metrics._base import metrics
    from wsol.protocols._base import protocols

    registries: Mapping[str, Iterable[str]] = {
        "dataset": datasets,
        "method": methods,
        "metric": metrics,
        "protocol": protocols,
    }
    return sorted({*registries.get(group, ()), *options(group)})


def options(group: str) -> list[str]:
    """Every name of a Hydra group: registered ones and files in conf/."""
    from hydra.core.config_store import ConfigStore

    repo: Mapping[str, Any] = ConfigStore.instance().repo
    stored = [name.removesuffix(".yaml") for name in repo.get(group, {})]
    files = [path.stem for path in (conf_dir() / group).glob("*.yaml")]
    if group == "model":
        from wsol.models.zoo import model_names

        stored += model_names()
    return sorted({*stored, *files})


def _named_models(words: Sequence[str]) -> list[str]:
    """Networks asked for with ``model=a,b`` that have no file in conf/: any registered or torchvision name."""
    files = {path.stem for path in (conf_dir() / "model").glob("*.yaml")}
    named = [name for word in words if word.startswith("model=") for name in word.removeprefix("model=").split(",")]
    unknown_names = [name for name in named if name not in files]
    if not unknown_names:
        return []
    from wsol.models.zoo import model_names

    known = model_names()
    return [name for name in unknown_names if name in known or name.startswith("timm/")]


def _chosen(group: str, words: Iterable[str]) -> list[str]:
    for word in words:
        if word.startswith(f"{group}="):
            return [name.strip() for name in word.split("=", 1)[1].strip("[]").split(",") if name.strip()]
    return []


def _all_keys(words: Sequence[str]) -> list[str]:
    """Dotted names of all settings under the same choices, for the nearest match."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import DictConfig, OmegaConf

    chosen = [w for w in words if re.match(rf"({'|'.join(GROUPS)})=", w)]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            config = compose("config", overrides=chosen)
    except Exception:  # the choices themselves don't compose: the names of the top level are enough
        return list(GROUPS)

    def walk(node: Any, prefix: str) -> Iterable[str]:
        for key in node:
            yield f"{prefix}{key}"
            child = OmegaConf.to_container(node, resolve=False)[key]  # type: ignore[index]
            if isinstance(child, dict) and isinstance(node, DictConfig):
                yield from walk(OmegaConf.create(child), f"{prefix}{key}.")

    return list(walk(config, ""))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
