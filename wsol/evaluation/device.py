"""The `engine` group of a run as facts: its device, threads, chunks and numerics, and a network put where it runs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import torch

from wsol.errors import ConfigError
from wsol.evaluation.engines.ranks import Rank, cores
from wsol.evaluation.experiment import Numerics
from wsol.maps.extractor import MapExtractor
from wsol.models.classifier import Classifier
from wsol.models.query import half_precision
from wsol.options import build
from wsol.settings.engines import engines
from wsol.settings.records import CHUNK, Engine

log = logging.getLogger(__name__)


def engine_of(settings: Mapping[str, Any]) -> Engine:
    """The checked `engine` group, its device settled. Raises ConfigError for a device that can't be used."""
    given = settings.get("engine") or {}
    engine = build(engines[str(given.get("name", "local"))], given, where="engine")
    if engine.runner:  # it is loaded here to know what the run is, and runs elsewhere
        return engine
    rank = Rank.here()
    device = engine.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and rank.local_of > 1:  # of the GPUs that this process sees, which may be one alone
        device = f"cuda:{rank.local % max(1, torch.cuda.device_count())}"
    if not device.startswith("cuda"):
        for setting, value in (("precision", "float16"), ("compile", "graphs")):
            if getattr(engine, setting) == value:
                other = "bfloat16" if setting == "precision" else "default"
                raise ConfigError(
                    f"engine.{setting}={value} needs CUDA, and the device is {device}; choose engine.{setting}={other}"
                )
    threads = engine.threads or max(1, cores() // rank.local_of)
    return dataclasses.replace(engine, device=usable_device(device), threads=threads)


def numerics_of(engine: Engine) -> Numerics:
    """What of the engine may move the last bits of a row."""
    return Numerics(device=engine.numerics_device, precision=engine.precision, tf32=engine.tf32, compile=engine.compile)


def usable_device(name: str) -> str:
    """`name`; ``cpu``, with a warning, where the device has no float64, in which methods and metrics sum (Apple's mps).

    Raises ConfigError for a device that this machine does not have.
    """
    try:
        torch.zeros(1, dtype=torch.float64, device=name).add(1).item()  # the device "meta" makes tensors without values
    except TypeError:
        log.warning("engine.device=%s has no float64, which methods and metrics need; running on cpu instead", name)
        return "cpu"
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise ConfigError(f"engine.device={name} can't be used: {reason}; try engine.device=cpu") from error
    return name


def chunk_of(engine: Engine) -> int:
    """Extra forward passes at a time: the setting, or what suits the device."""
    return engine.chunk or CHUNK["cpu" if engine.numerics_device == "cpu" else "cuda"]


def to_device(classifier: Classifier, engine: Engine) -> None:
    """Put a network of our own loading where it runs: on the device, in the precision, eval mode, channels last.

    cuDNN takes algorithms that give the same bits each time: its fastest ones gave other gradients in every pass of the
    same images (ResNet-50, VGG-16 and MobileNetV2 on an H200, by 2e-6 of the largest), in 0 to 10 % less time.
    """
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = engine.tf32
    # channels last: twice as fast on the CPU for our networks (benchmarks/speed/layout.py)
    dtype = torch.float64 if engine.precision == "float64" else torch.float32
    classifier.module.to("cpu" if engine.runner else engine.device, dtype).to(memory_format=torch.channels_last).eval()


def extractor_of(classifier: Classifier, engine: Engine, *, seed: int) -> MapExtractor:
    """What computes raw maps on a network of our own loading, which is put where it runs."""
    to_device(classifier, engine)
    autocast = half_precision(engine.precision)
    return MapExtractor(classifier, seed=seed, chunk=chunk_of(engine), autocast=autocast, compile=engine.compile)
