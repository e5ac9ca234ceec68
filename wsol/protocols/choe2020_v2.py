"""MaxBoxAccV2 (Choe et al., TPAMI 2022), as clovaai/wsolevaluation computes it: MaxBoxAcc's record with two changes."""

from wsol.protocols._base import Protocol, protocol
from wsol.protocols._common.choe2020 import CODE, PAPER, SOURCES
from wsol.protocols.choe2020_v1 import V1

V2 = protocol(
    Protocol(
        **{
            **V1.knobs,
            "name": "choe2020_v2",
            "paper": PAPER,
            "component": "all_with_holes",
            "headline": "mean_over_deltas",
            "sources": {
                **SOURCES,
                "component": f"{CODE}: all contours of the tree, those of holes too",
                "headline": "TPAMI 2022, sec. 4: mean over deltas, each with its own best threshold",
            },
        }
    )
)
