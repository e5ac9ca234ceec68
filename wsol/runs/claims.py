"""A claim that is written before the run: which of two variants has the higher number, and the test that decides.

    layercam@stage4 > gradcam@stage4 on choe2020_v2/maxboxacc_v2

It stands in the run's manifest before any row that could decide it, so that the table can tell a prediction from a
finding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from wsol.errors import ConfigError

WRITE = "write it as A > B on PROTOCOL/METRIC, for example layercam@stage4 > gradcam@stage4 on choe2020_v2/maxboxacc_v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim.

    Attributes
    ----------
    left, right : keys of two variants; the claim is that the left one's number is higher, or with `sign` "<" lower.
    measure, metric : of the number.
    tau : where a swept protocol's threshold comes from; ``fixed`` or empty where there is none to choose.
    level : of the two-sided interval of the paired difference: the claim is supported where the interval is on its
        side of 0, refuted where it is on the other side, and else not supported.
    images : how many images the run had when the claim was written.
    """

    left: str
    right: str
    sign: str
    measure: str
    metric: str
    tau: str
    level: float
    images: int

    @property
    def text(self) -> str:
        return f"{self.left} {self.sign} {self.right} on {self.measure}/{self.metric}"

    def to_plain(self) -> dict[str, Any]:
        """As the manifest holds it, with the test in words."""
        test = f"paired difference over images: its two-sided {100 * self.level:g} % interval is on this side of 0"
        return {"claim": self.text, "test": test, **asdict(self)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Claim:
        return cls(**{f.name: plain[f.name] for f in fields(cls)})


def claims_of(manifest: Mapping[str, Any]) -> tuple[Claim, ...]:
    """The claims that a manifest holds, in the order in which they were written."""
    return tuple(Claim.from_plain(plain) for plain in manifest.get("claims", ()))


def parts_of(text: str) -> tuple[str, str, str, str]:
    """Left, sign, right and number of a claim as typed. Raises ConfigError."""
    found = re.fullmatch(r"\s*(.+?)\s*([<>])\s*(.+?)\s+on\s+(\S+)\s*", text)
    if not found:
        raise ConfigError(f"claim {text!r} can't be read; {WRITE}")
    left, sign, right, number = found.groups()
    if re.search("[<>]", right):
        raise ConfigError(f"claim {text!r} compares more than two variants; {WRITE}")
    return left, sign, right, number


def added(old: Sequence[Claim], new: Sequence[Claim]) -> list[Claim]:
    """Those of `new` that are not among `old`, whatever the number of images was then."""
    known = {(claim.text, claim.tau) for claim in old}
    return [claim for claim in new if (claim.text, claim.tau) not in known]
