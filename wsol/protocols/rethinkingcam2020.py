"""Rethinking CAM's evaluation (Bae et al., 2020), as won-bae/rethinkingCAM computes it."""

from wsol.protocols._base import NO_CUT, Protocol, protocol

BOX = "won-bae/rethinkingCAM, src/utils/util.py"
LOSS = "won-bae/rethinkingCAM, src/utils/metrics.py"
DATA = "won-bae/rethinkingCAM, src/core/datasets.py"

RETHINKINGCAM2020 = protocol(
    Protocol(
        name="rethinkingcam2020",
        paper="Bae et al., Rethinking Class Activation Mapping for Weakly Supervised Object Localization, ECCV 2020",
        view="squash_centre",
        space="square",
        side=224,
        resize="cubic",
        normalise="minmax",
        quantise="floor_uint8",
        tau=0.2,
        compare="gt",
        component="largest_polygon",
        box_end="exclusive_as_inclusive",
        empty="full_box",
        iou="plus1_signed",
        hit="ge",
        gt_boxes="first",
        gt_scale="divide_first",
        gt_rounding="trunc_inside",
        deltas=(0.5,),
        sources={
            **NO_CUT,
            "view": f"{DATA}: squash to 256 x 256, center crop 224",
            "merge": "not used: one crop",
            "space": f"{BOX}: map and ground truth at the input size",
            "side": f"{DATA}: crop_size 224",
            "resize": f"{BOX}: cv2.INTER_CUBIC",
            "resize_uint8": f"{BOX}: resized as float (float32; float64 here)",
            "normalise": f"{BOX}: min-max without a guard; a flat map is 0/0 there and zeros here",
            "order": f"{BOX}: min-max after the resize",
            "quantise": f"{BOX}: (255 map) as uint8, so floor",
            "tau": f"{BOX}: 0.2 of the maximum; its percentile variant (0.35 of the 90th) is not here",
            "tau_step": "not used: tau is fixed",
            "compare": f"{BOX}: cv2.THRESH_BINARY at int(tau max), strictly greater",
            "connectivity": f"{BOX}: cv2.findContours, 8-connected foreground",
            "component": f"{BOX}: contour of largest cv2.contourArea",
            "candidates": "not used",
            "box_end": f"{BOX}: [x, y, x + w, y + h] under an inclusive IoU",
            "clip": f"{BOX}: not clipped",
            "empty": f"{BOX}: [0, 0, 224, 224]",
            "iou": f"{LOSS}: sides are x1 - x0 + 1 and not held above 0, so boxes far apart overlap",
            "hit": f"{LOSS}: >= 0.5",
            "topk_hit": f"{LOSS}: the same hits (Top-1 only)",
            "gt_boxes": f"{DATA}: one box per image",
            "gt_origin": f"{DATA}: ILSVRC numbers as they are (on CUB it ends boxes a pixel earlier)",
            "gt_scale": f"{DATA}: x / W * 256 - 16",
            "gt_rounding": f"{DATA}: int() of the moved coordinates, within 0..223 (boxes wholly outside the crop turn "
            "inside out there, and are empty at its edge here)",
            "average": "won-bae/rethinkingCAM, src/engine.py: all images count once",
            "deltas": f"{LOSS}: iou_threshold 0.5",
            "headline": f"{LOSS}: 0.5",
        },
    )
)
