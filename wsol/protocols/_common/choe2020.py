"""Choe et al., 2020 and 2022, as clovaai/wsolevaluation computes it (MaxBoxAcc and MaxBoxAccV2)."""

from wsol.protocols._base import NO_CUT

PAPER = "Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR 2020; TPAMI 2022"
CODE = "clovaai/wsolevaluation @ 96f4b88"
SOURCES = {
    **NO_CUT,
    "view": f"{CODE}: whole image resized to 224 x 224",
    "merge": "not used: one crop",
    "space": f"{CODE}: map and ground truth at 224 x 224",
    "side": f"{CODE}: _RESIZE_LENGTH",
    "resize": f"{CODE}: cv2.INTER_CUBIC (half-pixel centers)",
    "resize_uint8": f"{CODE}: resized as float",
    "normalise": f"{CODE}: min-max, flat maps and NaN to zeros",
    "order": f"{CODE}: min-max after the resize",
    "quantise": f"{CODE}: (255 map) as uint8, so floor",
    "tau": "sec. 4: the best threshold of the whole split",
    "tau_step": f"{CODE}: 1000 thresholds in training (255 of them distinct), 100 in its score map command",
    "compare": f"{CODE}: strictly greater than int(tau max)",
    "connectivity": f"{CODE}: cv2.findContours, 8-connected foreground",
    "candidates": "not used",
    "box_end": f"{CODE}: [x, y, x + w, y + h] under an inclusive IoU: one pixel too big on two sides",
    "clip": f"{CODE}: min(x + w, W - 1), min(y + h, H - 1)",
    "empty": f"{CODE}: [0, 0, 0, 0], a box of one pixel",
    "iou": f"{CODE}: sides are x1 - x0 + 1",
    "hit": f"{CODE}: >= delta",
    "topk_hit": "the code has no Top-k Loc; ours takes the hits of GT-known Loc",
    "gt_boxes": f"{CODE}: best over all boxes of the image",
    "gt_origin": f"{CODE}: numbers of its metadata as they are",
    "gt_scale": f"{CODE}: x * 224 / W",
    "gt_rounding": f"{CODE}: int() of scaled coordinates",
    "average": f"{CODE}: all images count once",
    "deltas": "TPAMI 2022, sec. 4: MaxBoxAccV2 at 0.3, 0.5 and 0.7",
}
