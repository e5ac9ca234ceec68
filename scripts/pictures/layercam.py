"""The story of LayerCAM (Jiang et al., 2021): maps stage by stage, gamma, fusion, and the graph cut of its code."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from scripts.pictures.canvas import WIDTH, found, heading, heat_of, hit, items, key, panel, scenes
from wsol.localization.final_map import final_map
from wsol.localization.frame import frame_of
from wsol.localization.refine import frame_image, object_mask
from wsol.protocols._base import named

TAU = 0.15  # of the authors' code
RULE = "choe2020_v1"
CUT = f"choe2020_v1[refine=grabcut,tau={TAU}]"
CUT_LAYER = "stage4"
STAGES = range(1, 6)
GAMMAS = (1, 2, 4, 8)
ROWS = {  # heading: variants by what stands under each
    f"1. One stage at a time: shallow maps are fine and scattered, deep ones coarse (boxes at threshold {TAU})": {
        f"stage {stage}": f"layercam@stage{stage}" for stage in STAGES
    },
    "2. Gamma, here on stage 4: tanh(gamma M / max M) lifts what is faint": {
        "no gamma": "layercam@stage4",
        **{f"gamma {gamma}": f"layercam@stage4[gamma={gamma},scale=all]" for gamma in GAMMAS},
    },
    "3. Fusion: the element-wise maximum adds details of shallow stages to the deep one": {
        "stages 4 and 5": "layercam@stage4-5",
        "stages 3 to 5": "layercam@stage3-5",
        "stages 1 to 5": "layercam@stage1-5",
        "1 to 5, gamma 2": "layercam@stage1-5[gamma=2]",
        "1 to 5, mean": "layercam@stage1-5[fuse=mean]",
    },
}


def layercam_story() -> Any:
    """Four rows on one image; each map with the box of its largest component at the threshold of the authors' code."""
    figure, axes = plt.subplots(len(ROWS) + 1, 5, figsize=(WIDTH, 7.0))
    scene, rule = scenes()[0], named(RULE)
    for row, (words, variants) in enumerate(ROWS.items()):
        for axis, (name, variant) in zip(axes[row], variants.items(), strict=True):
            item = items(variant, of=[scene])[0]
            boxes, iou = found(item, rule, TAU)
            below = f"{name}\n{hit(iou)}"
            panel(axis, scene.image, map01=heat_of(item, rule), truth=scene.boxes_xyxy, boxes=boxes, below=below)
        heading(axes[row, 0], words)
    _graph_cut(axes[-1])
    figure.get_layout_engine().set(h_pad=0.1, rect=(0, 0, 1, 0.985))
    key(figure)
    return figure


def _graph_cut(axes: Any) -> None:
    """From a shallow map over the certain pixels and the cut to the box, and the box without the cut."""
    scene, plain, cut = scenes()[0], named(RULE), named(CUT)
    item = items(f"layercam@{CUT_LAYER}", of=[scene])[0]
    frame = frame_of(item.boxes_xyxy, item.layout, cut)
    map01, pixels = heat_of(item, cut), frame_image(scene.image, item.layout, frame.size_wh, cut)
    above = map01 > TAU
    mask = object_mask(final_map(item.raw, item.layout, frame.size_wh, cut), above, pixels, cut)
    before, after = found(item, plain, TAU), found(item, cut, TAU)
    panel(axes[0], scene.image, map01=map01, below="map of stage 4")
    panel(axes[1], _kept(scene.image, above), below=f"above {TAU}")
    panel(axes[2], _kept(scene.image, mask), below="kept by the cut")
    for axis, (boxes, iou), name in ((axes[3], before, "box without a cut"), (axes[4], after, "box after the cut")):
        panel(axis, scene.image, truth=scene.boxes_xyxy, boxes=boxes, below=f"{name}\n{hit(iou)}")
    heading(axes[0], "4. Graph cut: colors decide how far the object goes beyond the bright part of a shallow map")


def _kept(image: Any, mask: np.ndarray) -> np.ndarray:
    """The image where a mask (H, W) is, pale elsewhere."""
    from PIL import Image

    shown = np.asarray(Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST))
    pixels = np.asarray(image, float)
    return np.where(shown[..., None], pixels, 235 + 0.08 * pixels).astype(np.uint8)
