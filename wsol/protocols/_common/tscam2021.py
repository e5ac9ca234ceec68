"""TS-CAM's evaluation (Gao et al., 2021), as vasgaowei/TS-CAM computes it.

Its training code picks the best model on the test set.
"""

from wsol.protocols._base import NO_CUT

CODE = "vasgaowei/TS-CAM, lib/cams_deit.py"
DATA = "vasgaowei/TS-CAM, lib/datasets"
PAPER = "Gao et al., TS-CAM: Token Semantic Coupled Attention Map for WSOL, ICCV 2021"
SOURCES = {
    **NO_CUT,
    "view": f"{DATA}: whole image resized to 224 x 224 (TEN_CROPS off)",
    "merge": "not used: one crop",
    "space": f"{CODE}: map and ground truth at the input size",
    "side": "vasgaowei/TS-CAM, configs: CROP_SIZE 224",
    "resize": f"{CODE}: cv2.resize, bilinear",
    "resize_uint8": f"{CODE}: resized as float (float32; float64 here)",
    "normalise": f"{CODE}: min-max without a guard; a flat map is 0/0 there and zeros here",
    "order": f"{CODE}: min-max after the resize",
    "quantise": f"{CODE}: (255 map) as uint8, so floor",
    "tau_step": "not used: tau is fixed",
    "compare": f"{CODE}: cv2.THRESH_TOZERO at int(tau max), so strictly greater",
    "connectivity": f"{CODE}: cv2.findContours, 8-connected foreground",
    "component": f"{CODE}: contour of largest cv2.contourArea",
    "candidates": "not used",
    "box_end": f"{CODE}: [x, y, x + w, y + h] under an inclusive IoU",
    "clip": f"{CODE}: not clipped",
    "empty": f"{CODE}: [0, 0, 1, 1]",
    "iou": f"{CODE}: cal_iou, sides are x1 - x0 + 1",
    "hit": f"{CODE}: GT-known Loc counts >= 0.5",
    "topk_hit": f"{CODE}: cls_loc_err counts > 0.5",
    "gt_boxes": f"{CODE}: best over all boxes of the image",
    "gt_origin": f"{DATA}: numbers as they are",
    "gt_scale": f"{DATA}: x / W * 224",
    "gt_rounding": f"{DATA}: int() of scaled coordinates, at most 223",
    "average": "vasgaowei/TS-CAM, tools_cam/test_cam.py: all images count once",
    "deltas": f"{CODE}: 0.5",
    "headline": f"{CODE}: 0.5",
}
