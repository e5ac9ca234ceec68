"""CAM's localization (Zhou et al., 2016) as the published MATLAB script does it; `cam2016_text` is the paper's text.

The script's boxes come from a tool of its own (`wsol.localization.cam2016_tool`) and differ from the paper's rule. Not
reproduced of the script: heat maps pass through a JPEG file, are rounded rather than cut to 8 bits, and are resized by
MATLAB's imresize; and its third table, where the first two classes have two boxes each in a list of five.
"""

from wsol.protocols._base import NO_CUT, Protocol, protocol
from wsol.protocols._common.cam2016 import CODE, DEVKIT, TITLE

SCRIPT = protocol(
    Protocol(
        name="cam2016_code",
        paper=TITLE,
        view="tencrop",
        merge="sum_abs",
        space="original",
        resize="cubic",
        normalise="max",
        quantise="floor_uint8",
        tau=20 / 255,
        compare="gt",
        component="cam2016_tool",
        candidates=1,
        box_end="exclusive_as_inclusive",
        iou="plus1",
        deltas=(0.5,),
        sources={
            **NO_CUT,
            "view": "zhoubolei/CAM, prepare_image.m: squash to 256 x 256, ten crops",
            "merge": "zhoubolei/CAM, mergeTenCrop.m: sum of absolute values (crops by imresize; bilinear here)",
            "space": "zhoubolei/CAM, generate_bbox.m: resized to the original size",
            "side": "not used: boxes are in original pixels",
            "resize": "zhoubolei/CAM, ILSVRC_generate_heatmap.m: imresize, bicubic with a = -0.5; OpenCV's -0.75 here",
            "resize_uint8": "zhoubolei/CAM, ILSVRC_generate_heatmap.m: resized as float",
            "normalise": "zhoubolei/CAM, ILSVRC_generate_heatmap.m: divided by the maximum",
            "order": "zhoubolei/CAM, ILSVRC_generate_heatmap.m: after the resize",
            "quantise": "zhoubolei/CAM: written as JPEG, so rounded and lossy; floor here, not reproduced",
            "tau": f"{CODE}: grey level 20 of 255, the lowest of the tool's 20, 100, 110, which are fixed",
            "tau_step": "not used: tau is fixed",
            "compare": "zhoubolei/CAM, dt_box.cpp: cv2.THRESH_BINARY, strictly greater",
            "connectivity": "zhoubolei/CAM, dt_box.cpp: cv2.findContours, 8-connected foreground",
            "component": "zhoubolei/CAM, dt_box.cpp: contours at three levels behind a distance transform, merged",
            "candidates": f"{CODE}: its first table takes the first box of a class, its second the second; 2 here lets "
            "either count. Its third table, five boxes over three classes, is not reproduced",
            "box_end": f"{CODE}: [x, y, x + w, y + h] under the devkit's inclusive overlap",
            "clip": "zhoubolei/CAM, dt_box.cpp: the tool keeps boxes 5 pixels off the right and bottom edge",
            "empty": f"{CODE}: the script stops with an error; a miss here",
            "iou": f"{DEVKIT}: sides are x1 - x0 + 1",
            "hit": f"{DEVKIT}: wrong below 0.50",
            "topk_hit": f"{DEVKIT}: the same hits",
            "gt_boxes": f"{DEVKIT}: any box of the class",
            "gt_origin": f"{CODE}: boxes from 0 against annotations from 1, neither is moved",
            "gt_scale": "not used: nothing is scaled",
            "gt_rounding": f"{CODE}: none",
            "average": f"{DEVKIT}: all images count once",
            "deltas": f"{DEVKIT}: 0.50",
            "headline": f"{DEVKIT}: 0.50",
        },
    )
)
