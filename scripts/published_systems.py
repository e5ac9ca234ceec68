"""The systems since 2020 on CUB and ImageNet, one table, each number with the chain of sources it comes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LISTED = "a list of systems, collected 2026-11-24"
READ, SECOND = "primary", "secondary"


@dataclass(frozen=True, slots=True)
class System:
    """A system's numbers: by (data set, metric), and the networks on CUB and on ImageNet where they differ."""

    name: str
    venue: str
    network: str
    numbers: dict[tuple[str, str], float]
    certainty: str = READ
    on_imagenet: str = ""
    plugs_in: str = ""


def top1_and_gt(cub: Sequence[float | None], imagenet: Sequence[float | None]) -> dict[tuple[str, str], float]:
    """Top-1 and GT-known Loc on both sets; None where a paper has none."""
    both = {"CUB": cub, "ImageNet": imagenet}
    return {
        (dataset, metric): value
        for dataset, values in both.items()
        for metric, value in zip(("Top-1 Loc", "GT-known Loc"), values, strict=True)
        if value is not None
    }


NONE = (None, None)
OWN = "a training of its own"
TWO_STAGE = "loc DenseNet161 / cls EfficientNet-B7"
SYSTEMS = (
    System(
        "TriLite",
        "CVPR 2026",
        "DINOv2 ViT-S frozen + <0.8M",
        {("OpenImages30k", "PxAP"): 73.3, **top1_and_gt(NONE, (65.5, 77.9))},
        SECOND,
        plugs_in="a small head on a frozen network",
    ),
    System(
        "Pro2SAM",
        "ECCV 2024",
        "GTFormer + SAM",
        top1_and_gt((84.03, None), (66.85, None)),
        plugs_in=OWN,
    ),
    System(
        "GenPromp",
        "ICCV 2023",
        "Stable Diffusion 1.4 + EfficientNet-B7 classifier",
        top1_and_gt((87.2, 98.3), (65.2, 75.0)),
        plugs_in=OWN,
    ),
    System("SAT", "ICCV 2023", "not stated", top1_and_gt((80.96, 98.45), (60.15, 73.13)), plugs_in="a checkpoint"),
    System(
        "LocLoc",
        "ACM MM 2023",
        "transformer",
        top1_and_gt((84.4, None), (57.6, None)),
        plugs_in=OWN,
    ),
    System(
        "C2AM",
        "CVPR 2022",
        TWO_STAGE,
        top1_and_gt((81.8, 92.9), (59.6, 68.5)),
        SECOND,
        plugs_in=OWN,
    ),
    System("PSOL", "CVPR 2020", TWO_STAGE, top1_and_gt((80.9, 91.8), (58.0, 66.3)), SECOND, plugs_in="a file of boxes"),
    System(
        "SPOL",
        "CVPR 2021",
        "ResNet50",
        top1_and_gt((80.12, 96.46), (59.14, 69.02)),
        SECOND,
        plugs_in=OWN,
    ),
    System("LCTR", "AAAI 2022", "DeiT-S", top1_and_gt((79.2, 92.4), (56.1, 68.7)), SECOND, plugs_in=OWN),
    System(
        "BAS", "CVPR 2022", "ResNet50", top1_and_gt((77.25, 95.13), (58.51, 71.93)), READ, "InceptionV3", "a checkpoint"
    ),
    System(
        "TS-CAM", "ICCV 2021", "Conformer-S", top1_and_gt((77.2, 94.1), (53.4, 67.6)), READ, "DeiT-S", "a checkpoint"
    ),
    System("SCM", "ECCV 2022", "DeiT-S", top1_and_gt((76.4, 96.6), (56.1, 68.8)), plugs_in="a checkpoint"),
    System(
        "BagCAMs",
        "ECCV 2022",
        "ResNet50",
        top1_and_gt((69.67, 94.01), (53.87, 71.02)),
        READ,
        "InceptionV3",
        "a step behind a trained network",
    ),
    System(
        "ViTOL",
        "CVPR Workshops 2022",
        "DeiT-B",
        {**top1_and_gt(NONE, (58.64, 72.51)), ("ImageNet", "MaxBoxAccV2"): 70.47},
        plugs_in="a checkpoint",
    ),
    System(
        "PC1",
        "CVPR 2024 (CAM Back Again)",
        "RepLKNet-31B",
        {("CUB", "MaxBoxAcc"): 93.6, ("CUB", "MaxBoxAccV2"): 80.4},
        plugs_in="a step behind a trained network",
    ),
)
ABOUT: dict[str, Any] = {
    "paper": "systems since 2020",
    "title": "Weakly supervised localization systems on CUB, ImageNet and OpenImages, 2020-2026",
    "venue": "a list of this project's, each number with its chain of sources",
    "citation": "the source of each cell",
    "note": "One row per system, its best published backbone. A chain names where a number stands, nearest first; wsol "
    "reproduce systems --sources also lists the tables that print another number. Top-1 may rest on a second network.",
    "needs": {
        "own_models": [],
        "dataset": "CUB-200-2011 test, 5,794 images; ILSVRC2012 validation, 50,000 images",
        "model": "as each system's code has it",
        "weights": "the authors' own",
        "checkpoint": "FILE",
        "data": "",
    },
}


def systems_rows() -> list[dict[str, Any]]:
    """A row per number: what make_benchmarks makes a cell of."""
    return [
        {
            "dataset": dataset,
            "split": "val" if dataset == "ImageNet" else "test",
            "architecture": system.on_imagenet or system.network if dataset == "ImageNet" else system.network,
            "method": system.name,
            "metric": metric,
            "value": value,
            "certainty": system.certainty,
            "note": f"{system.venue}; plugs in as {system.plugs_in}; maps or boxes of a checkpoint: wsol score",
        }
        for system in SYSTEMS
        for (dataset, metric), value in system.numbers.items()
    ]
