"""CAM's localization (Zhou et al., 2016) as the paper's text says; `cam2016_code` is what its script does."""

from wsol.protocols._base import NO_CUT, Protocol, protocol
from wsol.protocols._common.cam2016 import DEVKIT, OPEN, PAPER, TITLE

TEXT = protocol(
    Protocol(
        name="cam2016_text",
        paper=f"{TITLE}, sec. 3.2",
        normalise="max",
        tau=0.2,
        compare="gt",
        component="largest_pixels",
        box_end="inclusive",
        iou="plus1",
        deltas=(0.5,),
        sources={
            **NO_CUT,
            "view": "not stated; left to the run (the script: ten crops)",
            "merge": OPEN,
            "space": f"{DEVKIT}: original pixels",
            "side": "not used: boxes are in original pixels",
            "resize": f"{OPEN}: bilinear",
            "resize_uint8": OPEN,
            "normalise": f"{PAPER}: a share of the maximum; negative values, which CAM has, become zero: {OPEN}",
            "order": OPEN,
            "quantise": OPEN,
            "tau": f"{PAPER}: 20 % of the maximum",
            "tau_step": "not used: tau is fixed",
            "compare": f"{PAPER}: above",
            "connectivity": f"{OPEN}: 8",
            "component": f"{PAPER}: the largest connected component; counted in pixels is {OPEN}",
            "candidates": "not used",
            "box_end": f"{OPEN}: the component's own pixels, inclusive as the devkit reads boxes",
            "clip": "not used: inclusive boxes end inside",
            "empty": OPEN,
            "iou": f"{DEVKIT}: sides are x1 - x0 + 1",
            "hit": f"{DEVKIT}: wrong below 0.50",
            "topk_hit": f"{DEVKIT}: the same hits",
            "gt_boxes": f"{DEVKIT}: any box of the class",
            "gt_origin": f"{OPEN}: annotations as they are",
            "gt_scale": "not used: nothing is scaled",
            "gt_rounding": OPEN,
            "average": f"{DEVKIT}: all images count once",
            "deltas": f"{DEVKIT}: 0.50",
            "headline": f"{DEVKIT}: 0.50",
        },
    )
)
