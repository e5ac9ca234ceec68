"""Normalization Matters in WSOL (Kim et al., ICCV 2021): MaxBoxAccV2 under a normalization that cuts at a percentile.

The paper compares four: `ivr2021`, `ivr2021[normalize=minmax]` (which is `choe2020_v2`), `ivr2021[normalize=max]` and
`ivr2021[normalize=pas]`. Everything else is the evaluator of Choe et al., of which the released code is a copy.
"""

from wsol.protocols._base import Protocol, protocol
from wsol.protocols.choe2020_v2 import V2

CODE = "GenDisc/IVR @ 475f887"

IVR = protocol(
    Protocol(
        **{
            **V2.knobs,
            "name": "ivr2021",
            "paper": "Kim et al., Normalization Matters in Weakly Supervised Object Localization, ICCV 2021",
            "normalise": "ivr",
            "percentile": 0.45,
            "sources": {
                **V2.sources,
                "normalise": f"{CODE}, inference.py: ReLU(M - P) over its maximum; flat maps and NaN to zeros",
                "percentile": f"{CODE}, config.py: the default; the paper's choice per data set is not in the code",
            },
        }
    )
)
