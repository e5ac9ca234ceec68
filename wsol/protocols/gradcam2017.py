"""Grad-CAM's localization rule (Selvaraju et al., 2017)."""

from wsol.protocols._base import NO_CUT, Protocol, protocol

PAPER = "ICCV 2017, sec. 4.1"
OPEN = "not stated; our choice"

GRADCAM2017 = protocol(
    Protocol(
        name="gradcam2017",
        paper="Selvaraju et al., Grad-CAM, ICCV 2017, sec. 4.1",
        normalise="max",
        tau=0.15,
        compare="ge",
        component="largest_pixels",
        deltas=(0.5,),
        sources={
            **NO_CUT,
            "view": "not stated; left to the run",
            "merge": OPEN,
            "space": f"{OPEN}: original pixels, as the ILSVRC devkit",
            "side": "not used: boxes are in original pixels",
            "resize": f"{OPEN}: bilinear",
            "resize_uint8": OPEN,
            "normalise": f"{PAPER}: a share of the map's maximum; the map is behind a ReLU",
            "order": OPEN,
            "quantise": OPEN,
            "tau": f"{PAPER}: 15 % of the maximum (ramprs/grad-cam#6)",
            "tau_step": "not used: tau is fixed",
            "compare": OPEN,
            "connectivity": f"{OPEN}: 8",
            "component": f"{PAPER}: the single largest segment; counted in pixels is {OPEN}",
            "candidates": "not used",
            "box_end": f"{OPEN}: half-open",
            "clip": "not used: half-open boxes end inside",
            "empty": OPEN,
            "iou": f"{OPEN}: without + 1",
            "hit": "ILSVRC rule: wrong below 0.5",
            "topk_hit": "ILSVRC rule: the same hits",
            "gt_boxes": "ILSVRC rule: any box of the class",
            "gt_origin": OPEN,
            "gt_scale": "not used: nothing is scaled",
            "gt_rounding": OPEN,
            "average": "ILSVRC rule: all images count once",
            "deltas": "ILSVRC rule: 0.5",
            "headline": "ILSVRC rule: 0.5",
        },
    )
)
