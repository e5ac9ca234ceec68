"""CorLoc (Deselaers et al., 2012), for maps: the share of each class's images with a correct box, then their mean."""

from wsol.protocols._base import NO_CUT, HeadlineRule, Protocol, headline_rules, protocol

PAPER = "Deselaers et al., IJCV 2012 (from memory, not read again)"
DEVKIT = "the PASCAL VOC devkit"
OPEN = "not stated: the paper's boxes come from no map; ours as in `exact`"

headline_rules.put("corloc", HeadlineRule("corloc", "CorLoc", (0.5,)))

CORLOC2012 = protocol(
    Protocol(
        name="corloc2012",
        paper="Deselaers et al., Weakly Supervised Localization and Learning with Generic Knowledge, IJCV 2012",
        iou="plus1",
        box_end="inclusive",
        hit="gt",
        average="classes",
        deltas=(0.5,),
        headline="corloc",
        sources={
            **NO_CUT,
            **dict.fromkeys(
                ("view", "merge", "side", "resize", "resize_uint8", "normalise", "order", "quantise", "tau_step"), OPEN
            ),
            **dict.fromkeys(("compare", "connectivity", "component", "candidates", "clip", "empty"), OPEN),
            "tau": "not stated; swept here, so that --tau oracle, split-half or val says where it is from",
            "space": f"{DEVKIT}: pixels of the image",
            "box_end": f"{DEVKIT}: both corners are pixels inside",
            "iou": f"{DEVKIT}: sides + 1",
            "hit": f"{PAPER}: overlap larger than 0.5",
            "topk_hit": "the same hits; the paper has no classifier",
            "gt_boxes": f"{PAPER}: any object of the class",
            "gt_origin": "annotations as the dataset's reader gives them",
            "gt_scale": "not used: nothing is scaled",
            "gt_rounding": f"{DEVKIT}: none",
            "average": f"{PAPER}: per class, then the mean over classes",
            "deltas": f"{PAPER}: 0.5",
            "headline": f"{PAPER}: CorLoc",
        },
    )
)
