"""What became of the claims that were written before a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wsol.report.numbers.paired import apart
from wsol.report.tables.text import interval, number
from wsol.runs.claims import Claim, claims_of

if TYPE_CHECKING:
    from wsol.report.numbers.quantity import Cell
    from wsol.report.numbers.summary import Summary


def verdicts(summaries: Sequence[Summary]) -> list[str]:
    """A sentence for each claim of each run, with the difference, its interval and n."""
    return [
        f"Claim written before the rows: {claim.text}. {_verdict(claim, summary)}"
        for summary in summaries
        for claim in claims_of(summary.manifest)
    ]


def _verdict(claim: Claim, summary: Summary) -> str:
    images = int(summary.manifest.get("images", summary.evaluated))
    if summary.evaluated < images:
        return f"No verdict yet: {summary.evaluated} of {images} images are evaluated."
    if summary.otherwise:
        return f"The test is by the protocol's own rule, over all images: see it without {summary.otherwise}."
    left, right = (_cell(claim, key, summary) for key in (claim.left, claim.right))
    if left is None or right is None:
        if {claim.left, claim.right} <= summary.variants.keys() and claim.tau not in ("", "fixed", "oracle"):
            return f"The test is at thresholds of {claim.tau}: see it with --tau {claim.tau}."
        return "No verdict here: this table does not have both numbers."
    pair = apart(left, right)
    if pair is None:
        return "No verdict: the two numbers are not of the same images."
    points, test = pair
    sign = 1 if claim.sign == ">" else -1
    low, high = sorted((sign * test.low, sign * test.high))
    verdict = "Supported" if low > 0 else "Refuted" if high < 0 else "Not supported"
    unit = " points" if points.percent else ""
    digits = points.digits
    return (
        f"{verdict}: the difference is {number(points.value, digits)}{unit} "
        f"{interval(points.low, points.high, digits)}, paired, n = {test.n}."
    )


def _cell(claim: Claim, key: str, summary: Summary) -> Cell | None:
    for cell in summary.cells:
        same = (cell.variant, cell.measure, cell.metric, cell.slice) == (key, claim.measure, claim.metric, "")
        if same and (cell.tau_source in (claim.tau, "") or cell.origin == claim.tau):
            return cell
    return None
