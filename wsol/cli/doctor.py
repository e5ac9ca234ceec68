"""`wsol doctor`: is the installation sound, is the data what it should be?"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.cli.options import RUNS, RUNS_DEFAULT, Command
from wsol.environment import versions
from wsol.errors import WsolError
from wsol.settings import compose_settings

if TYPE_CHECKING:
    from wsol.models.classifier import Classifier
    from wsol.testing import Trial


DESCRIPTION = """Check the installation; with dataset=... or model=... also that they load; with method=... that
the methods keep what every method must (wsol.testing), on the network of model=...

  wsol doctor
  wsol doctor dataset=cub paths.data=/data
  wsol doctor --with my_cam.py method=[my_cam]
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: ``ok``, ``note`` or ``bad``."""

    state: str
    text: str


def main(words: Sequence[str]) -> int:
    """Print findings; exit code 1 when one is bad."""
    parser = Command("doctor", DESCRIPTION, overrides=True)
    parser.add_argument("overrides", nargs="*", help="dataset=..., model=..., method=[...] and their options")
    chosen = parser.read(words)
    findings = [Finding("note", " ".join(f"{k}={v}" for k, v in versions().items()))]
    findings += [_tried(check) for check in (_torch_pair, _device, _numba, _conf, _writable)]
    if chosen.overrides and all(f.state != "bad" for f in findings):
        findings += _chosen(chosen.overrides)
    for finding in dict.fromkeys(findings):
        print(f"{finding.state:<5}{finding.text}")
    return 1 if any(f.state == "bad" for f in findings) else 0


def _tried(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except WsolError as error:
        return Finding("bad", str(error))
    except Exception as error:  # a doctor reports what it finds, whatever it is
        return Finding("bad", f"{check.__name__.strip('_')}: {type(error).__name__}: {error}")


def _torch_pair() -> Finding:
    try:
        importlib.import_module("torch")
        importlib.import_module("torchvision")
    except Exception as error:
        pair = f"torch {version('torch')} and torchvision {version('torchvision')}"
        if "nms" in str(error) or "operator" in str(error):
            return Finding(
                "bad", f"{pair} were not built for each other ({error}); install both from one source, in one command"
            )
        return Finding("bad", f"{pair} don't import: {error}")
    return Finding("ok", "torch and torchvision fit each other")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("ok", f"CUDA: {torch.cuda.get_device_name(0)}")
    return Finding(
        "note",
        f"no CUDA device; everything runs on the CPU ({os.cpu_count()} cores, {torch.get_num_threads()} threads)",
    )


def _numba() -> Finding:
    import numpy as np

    from wsol.localization.levels import boxes_above

    mask = np.zeros((8, 8), bool)
    mask[2:5, 3:7] = True
    box = boxes_above(mask, component="largest_polygon").tolist()
    if box != [[3, 2, 7, 5]]:
        return Finding("bad", f"the box sweep gives {box} for a rectangle at [[3, 2, 7, 5]]; reinstall numba")
    return Finding("ok", "boxes: the compiled sweep works")


def _conf() -> Finding:
    from wsol.environment import conf_dir

    folder = conf_dir()
    if not (folder / "config.yaml").is_file():
        return Finding("bad", f"{folder} has no config.yaml; the installation is incomplete")
    return Finding("ok", f"configuration: {folder}")


def _writable() -> Finding:
    runs = Path(os.environ.get(RUNS, RUNS_DEFAULT))
    place = next(p for p in [runs, *runs.parents] if p.exists())
    if not os.access(place, os.W_OK):
        return Finding("bad", f"{place.resolve()} can't be written; choose another folder with paths.runs=DIR")
    return Finding("ok", f"{place.resolve()} can be written, {shutil.disk_usage(place).free / 2**30:.0f} GB free")


def _chosen(overrides: Sequence[str]) -> list[Finding]:
    """What the words choose: the dataset, the network, and whether the methods keep the contract on it."""
    from wsol.evaluation.build import load_model

    groups = {word.lstrip("+~").partition("=")[0].partition(".")[0].removesuffix("s") for word in overrides}
    findings: list[Finding] = []
    try:
        settings = compose_settings(overrides)
        if "dataset" in groups:
            findings += _dataset(settings)
        if groups & {"model", "method"}:
            classifier = load_model(settings["model"])
            known = f"model {classifier.name}: {classifier.num_classes} classes, weights {classifier.weights_id}"
            findings += [Finding("ok", known)] if "model" in groups else []
        if "method" in groups:
            findings += _methods(settings, classifier)
    except WsolError as error:
        findings.append(Finding("bad", str(error)))
    return findings


def _methods(settings: dict[str, Any], classifier: Classifier) -> list[Finding]:
    """The contract, on random images in float64: a line for a method that keeps it, or for each rule it breaks."""
    import torch

    from wsol.evaluation.build import variants_of
    from wsol.models.tokens import Grids
    from wsol.testing import RULES, Trial

    side, count = classifier.input_size, min(3, classifier.num_classes)
    images = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variants = variants_of(settings, classifier)
    known = dict(Grids(classifier))
    module = classifier.module.double().eval()
    findings: list[Finding] = []
    for variant in variants:
        targets = tuple(i % count for i in range(len(images)))
        trial = Trial(variant.method, module, images, targets, variant.modules, known)
        broken = [Finding("bad", f"{variant.id}: {text}") for text in _complaints(trial)]
        kept = f"method {variant.id} keeps the {len(RULES)} rules of every method, on {classifier.name}"
        findings += broken or [Finding("ok", kept)]
    return findings


def _complaints(trial: Trial) -> list[str]:
    from wsol.testing import RULES

    complaints: list[str] = []
    for rule in RULES:
        try:
            text = rule(trial)
        except (Exception, SystemExit) as error:  # somebody's own file: whatever it raises is what is wrong
            return [*complaints, f"{type(error).__name__}: {error}"]
        complaints += [text] if text else []
    return complaints


def _dataset(settings: dict[str, Any]) -> list[Finding]:
    from wsol.datasets.labels import label_mapping
    from wsol.evaluation.build import load_dataset

    data = load_dataset(settings["dataset"])
    samples = data.samples()
    for sample in (samples[0], samples[len(samples) // 2], samples[-1]):
        data.image(sample)
    labels = len({s.label for s in samples})
    boxes = sum(len(s.boxes_xyxy) for s in samples)
    text = f"dataset {data.key}: {len(samples)} samples, {labels} classes, {boxes} boxes; first, middle and last open"
    mapping = label_mapping(data)
    names = [Finding("note", f"labels are names, as class indices: {mapping}")] if mapping else []
    return [Finding("ok", f"{text}: {samples[0].image_id} ... {samples[-1].image_id}"), *names]
