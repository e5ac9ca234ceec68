"""What one would do with a free hand: original pixels, no quantization, every distinct threshold, half-open boxes."""

from wsol.protocols._base import NO_CUT, Protocol, protocol

OURS = "our choice"

EXACT = protocol(
    Protocol(
        name="exact",
        paper="wsol",
        sources={
            **NO_CUT,
            "view": f"{OURS}: any, so that protocols can be compared on one map",
            "merge": OURS,
            "space": f"{OURS}: no ground-truth box is moved or rounded",
            "side": "not used: boxes are in original pixels",
            "resize": f"{OURS}: align_corners False, as networks upsample",
            "resize_uint8": OURS,
            "normalise": f"{OURS}: signed maps keep their order",
            "order": f"{OURS}: the map that is cut spans [0, 1]",
            "quantise": f"{OURS}: none",
            "tau": f"{OURS}: every distinct value is a threshold",
            "tau_step": "not used: no grid",
            "compare": f"{OURS}: >= the level, so that the maximum itself is inside",
            "connectivity": f"{OURS}: 8, as everyone's",
            "component": f"{OURS}: most pixels, ties to the first in raster order",
            "candidates": "not used",
            "box_end": f"{OURS}: half-open, the box of its pixels",
            "clip": "not used: half-open boxes end inside",
            "empty": f"{OURS}: no box is a miss",
            "iou": f"{OURS}: areas without + 1, as COCO",
            "hit": f"{OURS}: >= delta",
            "topk_hit": f"{OURS}: same as GT-known Loc",
            "gt_boxes": f"{OURS}: any of the class",
            "gt_origin": f"{OURS}: annotations as the dataset's reader gives them",
            "gt_scale": "not used: nothing is scaled",
            "gt_rounding": f"{OURS}: none",
            "average": f"{OURS}: all images count once",
            "deltas": "0.3, 0.5, 0.7 of Choe et al. 2020",
            "headline": f"{OURS}: IoU 0.5, the field's",
        },
    )
)
