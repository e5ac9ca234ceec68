"""Grad-CAM's localization rule (Selvaraju et al., 2017)."""

from wsol.protocols.base import Protocol, protocol

GRADCAM2017 = protocol(
    Protocol(
        name="gradcam2017",
        paper="Selvaraju et al., Grad-CAM, ICCV 2017, sec. 4.1",
        normalise="max",
        tau=0.15,
        compare="ge",
        component="largest_pixels",
        sources={
            "tau": "ICCV 2017, sec. 4.1: 15 % of the maximum",
            "component": "ICCV 2017, sec. 4.1: the single largest segment",
            "deltas": "ILSVRC rule: IoU 0.5",
            "resize": "not stated; bilinear is our choice",
            "box_end": "not stated; half-open boxes and IoU without +1 are our choice",
        },
    )
)
