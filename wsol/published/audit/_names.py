"""One spelling for what tables spell in many ways: data sets, networks, systems and metrics."""

from __future__ import annotations

import re

UNEQUAL = {"CUB": True, "ImageNet": False}  # whether classes have different numbers of test images (CUB: 11 to 30)
MEANS = ("mean", "average", "avg", "avg.")
WHOLE_LAYERS = ("", "last conv", "last", "auto", "attention")  # what says no more than "as the method has it"
YEAR = re.compile(r"\s*\((?:[A-Za-z]+ ?)?(?:19|20)\d\d[A-Za-z]*\)|\s*\((?:19|20)\d\d\)")
CENTER = re.compile(r"cent(?:er|re)[ _-]?(?:baseline|gauss\w*|box)", re.IGNORECASE)

METRICS = {  # from letters and digits of a column's heading to the metric
    **dict.fromkeys(("top1loc", "top1", "top1locacc", "t1loc", "loctop1"), "top1_loc"),
    **dict.fromkeys(("top5loc", "top5", "top5locacc", "t5loc", "loctop5"), "top5_loc"),
    **dict.fromkeys(("gtknownloc", "gtknown", "gtloc", "gt", "gtknownlocacc", "gtk"), "gt_known_loc"),
    **dict.fromkeys(("maxboxacc", "maxboxaccv1", "maxboxacciou05"), "maxboxacc"),
    **dict.fromkeys(("maxboxaccv2", "newmaxboxacc"), "maxboxacc_v2"),
    **{f"maxboxacc{d}": f"maxboxacc@{d}" for d in (30, 50, 70)},
    **{f"iou{d}": f"maxboxacc@{d}" for d in (30, 50, 70)},
    **dict.fromkeys(("top1cls", "top1acc", "clstop1", "top1classification"), "top1_cls"),
    **dict.fromkeys(("top5cls", "top5acc", "clstop5", "top5classification"), "top5_cls"),
    "pxap": "pxap",
    **dict.fromkeys(("averagedrop", "avgdrop", "drop"), "average_drop"),
    **dict.fromkeys(("increase", "increaseinconfidence", "averageincrease"), "increase"),
    **dict.fromkeys(("win", "winrate"), "win"),
}


def letters(text: str) -> str:
    """Letters and digits alone, lower case; a plus counts as p: ``Grad-CAM++`` is gradcampp."""
    return re.sub(r"[^a-z0-9*]", "", text.lower().replace("++", "pp").replace("+", "plus"))


def metric_of(heading: str) -> str | None:
    """The metric of a column's heading, whatever its spelling; None for a column that is no number of ours."""
    plain = re.sub(r"\(%\)|%|\[.*\]", "", heading).replace("@0.", "@").replace("@IoU0.", "@")
    return METRICS.get(letters(plain))


def dataset_of(text: str) -> str:
    """``CUB``, ``ImageNet``, ``OpenImages``, or what is written."""
    plain = text.strip().lower()
    for start, name in (("cub", "CUB"), ("imagenet", "ImageNet"), ("ilsvrc", "ImageNet"), ("openimages", "OpenImages")):
        if plain.startswith(start) and plain not in ("imagenet-s", "imagenetv2", "ilsvrc_open"):
            return name
    return text.strip()


def network_of(text: str) -> str:
    """``vgg16`` for VGG-16; ``mean`` for a mean over networks."""
    plain = text.strip().lower()
    if plain in MEANS or plain.startswith("mean of"):
        return "mean"
    unknown = ("-", "none", "various", "transformer", "detector")
    return "" if plain in unknown or plain.startswith("not stated") else letters(plain)


def system_of(text: str) -> str:
    """``gradcampp`` for Grad-CAM++, without the year of its paper; ``center`` for baselines in the middle."""
    if CENTER.match(text.strip()):
        return "center"
    return letters(YEAR.sub("", text).replace(", trained with plain", ""))


def layers_of(text: str) -> str:
    """The layers, empty where nothing is said beyond the method's own."""
    plain = text.strip().lower()
    return "" if plain in WHOLE_LAYERS or plain.startswith("auto") else text.strip()
