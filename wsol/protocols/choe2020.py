"""Choe et al., 2020 and 2022, as clovaai/wsolevaluation computes it (MaxBoxAcc and MaxBoxAccV2)."""

from wsol.protocols.base import Protocol, protocol

PAPER = "Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020; TPAMI 2022"
CODE = "clovaai/wsolevaluation @ 96f4b88"
SOURCES = {
    "view": f"{CODE}: resize to 224 x 224",
    "resize": f"{CODE}: cubic, half-pixel centres",
    "normalise": f"{CODE}: min-max after the resize, flat maps to zeros",
    "quantise": f"{CODE}: floor(255 map)",
    "tau_step": f"{CODE}: 1000 thresholds, 255 of them distinct",
    "compare": f"{CODE}: strictly greater than floor(tau max)",
    "box_end": f"{CODE}: [x, y, min(x + w, W - 1), min(y + h, H - 1)] with inclusive IoU",
    "empty": f"{CODE}: [0, 0, 0, 0]",
    "gt_rounding": f"{CODE}: coordinates scaled by 224 / W, then truncated",
    "deltas": "sec. 4 of the 2020 paper",
}

V1 = protocol(
    Protocol(
        name="choe2020_v1",
        paper=PAPER,
        view="squash",
        space="square",
        side=224,
        resize="cubic",
        normalise="minmax",
        quantise="floor_uint8",
        compare="gt",
        component="largest_polygon",
        box_end="exclusive_as_inclusive",
        clip=True,
        empty="zero_box",
        iou="plus1",
        gt_rounding="trunc",
        headline="at_50",
        sources={**SOURCES, "component": f"{CODE}: contour of largest polygon area, ties to the lowest"},
    )
)

V2 = protocol(
    Protocol(
        **{
            **V1.knobs,
            "name": "choe2020_v2",
            "paper": PAPER,
            "component": "all_with_holes",
            "headline": "mean_over_deltas",
            "sources": {**SOURCES, "component": f"{CODE}: all contours, hole contours too"},
        }
    )
)
