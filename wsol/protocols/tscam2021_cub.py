"""TS-CAM's evaluation on CUB (Gao et al., ICCV 2021): ImageNet's record with another threshold."""

from wsol.protocols._base import Protocol, protocol
from wsol.protocols._common.tscam2021 import PAPER, SOURCES
from wsol.protocols.tscam2021 import IMAGENET

CUB = protocol(
    Protocol(
        **{
            **IMAGENET.knobs,
            "name": "tscam2021_cub",
            "paper": PAPER,
            "tau": 0.1,
            "sources": {**SOURCES, "tau": "vasgaowei/TS-CAM, configs/CUB: CAM_THR 0.1"},
        }
    )
)
