"""LayerCAM's localization on ImageNet (Jiang et al., 2021), as PengtaoJiang/layercam_loc computes it.

The script's network is VGG-16 with Caffe weights; the map is the label's at relu5_3 (other stages by editing it). Use
 `methods.layercam.grad_source=next_upsampled` for its gradients.
"""

from wsol.protocols._base import Protocol, protocol

CODE = "PengtaoJiang/layercam_loc @ 1582c26, scripts/test.py"

LAYERCAM2021 = protocol(
    Protocol(
        name="layercam2021",
        paper="Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps, TIP 2021",
        view="tencrop",
        merge="sum",
        space="original",
        resize="cubic",
        resize_uint8=True,
        normalise="max",
        order="normalise_first",
        quantise="floor_uint8",
        tau=0.15,
        compare="gt",
        component="largest_rect",
        box_end="exclusive_as_inclusive",
        empty="unit_box",
        iou="plus1_open",
        refine="grabcut_shallow",
        refine_seed=12345,
        deltas=(0.5,),
        sources={
            "view": f"{CODE}: squash to 256 x 256, ten 224 x 224 crops",
            "merge": f"{CODE}: crops upsampled (bilinear, corners aligned), padded and summed, no division by coverage",
            "space": f"{CODE}: original pixels",
            "side": "not used: boxes are in original pixels",
            "resize": f"{CODE}: cv2.INTER_CUBIC",
            "resize_uint8": f"{CODE}: np.uint8(255 map) is what is resized",
            "percentile": "not used: of normalise=ivr only",
            "normalise": f"{CODE}: ReLU, divided by (max + 1e-8), in float32",
            "order": f"{CODE}: on the 256 x 256 canvas",
            "quantise": f"{CODE}: np.uint8 truncates",
            "tau": f"{CODE}: 0.15 * 255, whatever the resized maximum is",
            "tau_step": "not used: tau is fixed",
            "compare": f"{CODE}: cv2.THRESH_BINARY, strictly greater than 38.25",
            "connectivity": f"{CODE}: cv2.findContours, 8-connected foreground",
            "component": f"{CODE}: contour whose bounding rectangle is largest, the first of OpenCV's order wins ties",
            "candidates": "not used",
            "box_end": f"{CODE}: [x, y, x + w, y + h] under an inclusive IoU",
            "clip": f"{CODE}: not clipped",
            "empty": f"{CODE}: [0, 0, 1, 1]",
            "iou": f"{CODE}: sides are x1 - x0 + 1, but 0 where boxes only touch",
            "hit": f"{CODE}: >= 0.5",
            "topk_hit": f"{CODE}: the same hits; classes from logits summed over the crops",
            "gt_boxes": f"{CODE}: best over all boxes of the image",
            "gt_origin": f"{CODE}: numbers of val_box.mat as they are",
            "gt_scale": "not used: nothing is scaled",
            "gt_rounding": f"{CODE}: none",
            "refine": f"{CODE}: one GrabCut iteration on relu1_2, relu2_2 and relu3_3; of several layers only if all "
            "are shallow, which is our choice (it has no fusion)",
            "refine_seed": f"{CODE}: none is set, so its own result varies; 12345 is our choice",
            "average": f"{CODE}: all images count once",
            "deltas": f"{CODE}: 0.5",
            "headline": f"{CODE}: 0.5",
        },
    )
)
