"""The settings that belong to no component, as frozen dataclasses. Imports no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from wsol.options import Batch, Count, Range, Side, Threads, WholeNumber, option

SHARD_SIZE = 200  # images per file of rows
BATCH_SIZE = 16  # network inputs per batch
CHUNK = {"cpu": 16, "cuda": 64}  # the CPU's caches like small ones: 64 took 1.7 times as long per image as 16


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The `model` group: a network by name. None leaves an option to the architecture and its weights."""

    name: str = option("", help="a network, see wsol list models")
    weights: Path | str | None = option(
        None, help="random, a name such as DEFAULT, or a file of weights (FILE@ENTRY of a checkpoint with several)"
    )
    num_classes: Annotated[int, Range(1, 10_000_000)] | None = option(None, help="number of classes")
    input_size: Side | None = option(None, help="side of the square network input in pixels")
    classes: Path | None = option(None, help="file of the classes' names, one per line in the network's order")
    output: Literal["logits", "prob", "sigmoid"] = option(
        "logits", help="prob: the network ends in a softmax, or in a sigmoid of one output; sigmoid: in one per class"
    )
    text: Path | str | None = option(
        None, help="model=clip: a prompt, 'a photo of a {}', for the names in classes, or a file of embeddings (C, D)"
    )
    tower: str | None = option(
        None, help="timm's name of the transformer of clip (null is ViT-B/16's) and of deit_tscam (DeiT-S's)"
    )
    grid: int | None = option(None, help="vgg16_gap, resnet50_gap, inceptionv3_gap: side of the last map, 14 or 28")
    head: str | None = option(
        None, help="the same: what they were trained with, acol, spg or adl; null is none of these"
    )
    input: Literal["own", "caffe"] = option(
        "own", help="caffe: the weights were trained in Caffe, on BGR of 0..255 less ImageNet's mean"
    )
    randomise: int | Literal["all"] | None = option(None, help="layers from the head down to draw at random, or all")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The `engine` group: where and in which portions the work is done; what all engines have.

    Attributes
    ----------
    runner : the module whose `run` computes a run, where that is not this machine's.
    """

    runner: ClassVar[str] = ""

    name: str = option("local", help="an engine, see wsol list engines")
    device: str = option("auto", help="auto (cuda when there is one, else cpu), cpu, cuda, cuda:1, mps")
    precision: Literal["float32", "float64", "bfloat16", "float16"] = option(
        "float32", help="bfloat16 and, on CUDA, float16 by autocast; a gain only where the device has it in hardware"
    )
    compile: Literal["none", "default", "graphs"] = option(
        "none", help="torch.compile for further forward passes; graphs replays them as CUDA graphs"
    )
    tf32: bool = option(False, help="whether CUDA may multiply float32 in TF32")
    batch_size: Batch = option(BATCH_SIZE, help="network inputs per batch; halved where they don't fit into memory")
    chunk: Batch | None = option(
        None, help="extra forward passes at a time, halved likewise; null is 16 on the CPU, 64 on CUDA"
    )
    shard_size: Count = option(SHARD_SIZE, help="images per file of rows")
    threads: Threads | None = option(None, help="for reading images and finding boxes; null is one per core")
    workers: Threads | None = option(None, help="processes; null is one per GPU, or per eight cores, where it pays")
    part: str | None = option(None, help="2/8: only the second of eight shares of the shards")

    @property
    def numerics_device(self) -> str:
        """The device on which the rows are made, which may be another machine's."""
        if not self.runner:
            return self.device
        elsewhere = "cuda" if getattr(self, "gpus", 0) else "cpu"
        return elsewhere if self.device == "auto" else self.device

    @property
    def thread_count(self) -> int:
        """`threads`, or one per core."""
        return self.threads or os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The `paths` group."""

    runs: Path = option(Path("results/runs"), help="folder of run folders; the variable WSOL_RUNS changes the default")
    data: Path = option(Path("data"), help="folder of datasets")


@dataclass(frozen=True, kw_only=True)
class General:
    """The settings in no group."""

    seed: WholeNumber = option(0, help="of all random numbers")
    classifier: Path | str | None = option(
        None, help="what gives the class for Top-1 Loc: a second network NAME[weights=...], or a file; null: the model"
    )
    table: bool = option(True, help="print the table when done")
    tau_from: str | float | tuple[str | float, ...] | None = option(
        "oracle", help="oracle, split-half, val, val:RUN or a fixed threshold such as 0.2"
    )
    claim: str | tuple[str, ...] | None = option(
        None, help="written down before the rows: layercam@stage4 > gradcam@stage4 on choe2020_v2/maxboxacc_v2"
    )
    figures: Literal["svg", "png", "pdf"] | None = option(None, help="draw what the run varies, in this format")
    profile: bool = option(False, help="print where the time went, by stage")
    gallery: Annotated[int, Range(0, 1_000_000)] = option(60, help="images kept with their maps for `wsol report`")
    maps: Literal["drop", "keep", "keep16"] = option(
        "drop", help="keep the raw maps of all images for later protocols and wsol rescore; keep16: as float16, for it"
    )
