"""PSOL's evaluation (Zhang et al., 2020), for maps.

PSOL regresses its boxes, class-agnostic, so its evaluation has no map. What is here is its evaluation of a box, and the
box is taken from a map as its pseudo-boxes are: the largest component of the positive values (DDT's indicator map).
"""

from wsol.protocols._base import NO_CUT, Protocol, protocol

EVAL = "tzzcl/PSOL, PSOL_inference.py"
PSEUDO = "tzzcl/PSOL, generate_box_imagenet.py"

PSOL2020 = protocol(
    Protocol(
        name="psol2020",
        paper="Zhang et al., Rethinking the Route Towards Weakly Supervised Object Localization, CVPR 2020",
        view="squash_centre",
        space="square",
        side=224,
        resize="nearest",
        normalise="max",
        order="normalise_first",
        tau=0.0,
        compare="gt",
        component="largest_pixels",
        box_end="half_open",
        iou="continuous",
        hit="gt",
        gt_origin=1,
        gt_scale="divide_first",
        average="classes",
        deltas=(0.5,),
        sources={
            **NO_CUT,
            "view": f"{EVAL}: squash to 256 x 256, center crop 224 (classes too, unless --ten-crop)",
            "merge": "not used: one crop",
            "space": f"{EVAL}: ground truth through resize and crop, cut at the crop's edges (read at 09b435f)",
            "side": f"{EVAL}: 224",
            "resize": f"{PSEUDO}: nearest, from the grid on which the component was found",
            "resize_uint8": f"{PSEUDO}: not quantized",
            "normalise": f"{PSEUDO}: positive values; the scale does not matter at tau 0",
            "order": f"{PSEUDO}: on the grid",
            "quantise": f"{PSEUDO}: not quantized",
            "tau": f"{PSEUDO}: 0, for DDT's signed projection; for maps behind a ReLU another one may make more sense",
            "tau_step": "not used: tau is fixed",
            "compare": f"{PSEUDO}: > 0",
            "connectivity": f"{PSEUDO}: skimage.measure.label's default, 8",
            "component": f"{PSEUDO}: most cells",
            "candidates": "not used",
            "box_end": f"{PSEUDO}: regionprops, half-open",
            "clip": "not used: half-open boxes end inside",
            "empty": f"{PSEUDO}: a box of one grid cell by mistake; a miss here",
            "iou": "tzzcl/PSOL, utils/IoU.py: areas without + 1",
            "hit": f"{EVAL}: > 0.5",
            "topk_hit": f"{EVAL}: the same hits",
            "gt_boxes": f"{EVAL}: best over all boxes of the class; images without one are left out",
            "gt_origin": "tzzcl/PSOL, utils/IoU.py: XML numbers minus 1, right for ILSVRC and VOC",
            "gt_scale": f"{EVAL}: times 256 / W",
            "gt_rounding": f"{EVAL}: none",
            "average": f"{EVAL}: mean over classes of their accuracies",
            "deltas": f"{EVAL}: 0.5",
            "headline": f"{EVAL}: 0.5",
        },
    )
)
