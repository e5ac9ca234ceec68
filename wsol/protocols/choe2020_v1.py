"""MaxBoxAcc (Choe et al., CVPR 2020), as clovaai/wsolevaluation computes it."""

from wsol.protocols._base import Protocol, protocol
from wsol.protocols._common.choe2020 import CODE, PAPER, SOURCES

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
        sources={
            **SOURCES,
            "component": f"{CODE}: contour of largest cv2.contourArea, ties to the lowest in the image",
            "headline": "CVPR 2020, sec. 4: MaxBoxAcc at IoU 0.5",
        },
    )
)
