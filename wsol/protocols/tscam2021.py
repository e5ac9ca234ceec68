"""TS-CAM's evaluation on ImageNet (Gao et al., ICCV 2021), as vasgaowei/TS-CAM computes it."""

from wsol.protocols._base import Protocol, protocol
from wsol.protocols._common.tscam2021 import PAPER, SOURCES

IMAGENET = protocol(
    Protocol(
        name="tscam2021",
        paper=PAPER,
        view="squash",
        space="square",
        side=224,
        resize="bilinear",
        normalise="minmax",
        quantise="floor_uint8",
        tau=0.12,
        compare="gt",
        component="largest_polygon",
        box_end="exclusive_as_inclusive",
        empty="unit_box",
        iou="plus1",
        hit="ge",
        topk_hit="gt",
        gt_scale="divide_first",
        gt_rounding="trunc_inside",
        deltas=(0.5,),
        sources={
            **SOURCES,
            "tau": "vasgaowei/TS-CAM, configs/ILSVRC: CAM_THR 0.12 (0.1 on CUB: tscam2021_cub; code 0.2)",
        },
    )
)
