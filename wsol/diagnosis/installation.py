"""Is the installation sound?"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from wsol.datasets.fields import short
from wsol.diagnosis.finding import Finding, State
from wsol.environment import conf_dir, versions
from wsol.errors import WsolError

Result = tuple[State, str]


def installation(runs: Path) -> Iterator[Finding]:
    """Versions, whether libraries fit each other, the device, our compiled code, and whether `runs` can be written."""
    yield Finding("note", "installation", " ".join(f"{k}={v}" for k, v in versions().items()))
    for check in (_torch_pair, _device, _numba, _conf, lambda: _writable(runs)):
        state, text = _tried(check)
        yield Finding(state, "installation", text)


def _tried(check: Callable[[], Result]) -> Result:
    try:
        return check()
    except WsolError as error:
        return "bad", str(error)
    except Exception as error:  # a doctor reports what it finds, whatever it is
        return "bad", f"{check.__name__.strip('_')}: {type(error).__name__}: {error}"


def _torch_pair() -> Result:
    try:
        importlib.import_module("torch")
        importlib.import_module("torchvision")
    except Exception as error:
        pair = f"torch {version('torch')} and torchvision {version('torchvision')}"
        if "nms" in str(error) or "operator" in str(error):
            return (
                "bad",
                f"{pair} were not built for each other ({error}); install both from one source, in one command",
            )
        return "bad", f"{pair} don't import: {error}"
    return "ok", "torch and torchvision fit each other"


def _device() -> Result:
    import torch

    if torch.cuda.is_available():
        return "ok", f"CUDA: {torch.cuda.get_device_name(0)}"
    cores, threads = os.cpu_count(), torch.get_num_threads()
    return "note", f"no CUDA device; everything runs on the CPU ({cores} cores, {threads} threads)"


def _numba() -> Result:
    import numpy as np

    from wsol.localization.levels import boxes_above

    mask = np.zeros((8, 8), bool)
    mask[2:5, 3:7] = True
    box = boxes_above(mask, component="largest_polygon").tolist()
    if box != [[3, 2, 7, 5]]:
        return "bad", f"the box sweep gives {box} for a rectangle at [[3, 2, 7, 5]]; reinstall numba"
    return "ok", "boxes: the compiled sweep works"


def _conf() -> Result:
    folder = conf_dir()
    if not (folder / "config.yaml").is_file():
        return "bad", f"{folder} has no config.yaml; the installation is incomplete"
    return "ok", f"configuration: {folder}"


def _writable(runs: Path) -> Result:
    try:
        place = next(p for p in [runs, *runs.absolute().parents] if p.exists())
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        return "bad", f"paths.runs={short(str(runs))} can't be used: {error.strerror}; choose another folder"
    if not os.access(place, os.W_OK):
        return "bad", f"{place.resolve()} can't be written; choose another folder with paths.runs=DIR"
    return "ok", f"{place.resolve()} can be written, {shutil.disk_usage(place).free / 2**30:.0f} GB free"
