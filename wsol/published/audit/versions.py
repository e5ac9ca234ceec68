"""MaxBoxAcc and MaxBoxAccV2 mixed: a number printed as one that is elsewhere the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsol.published.audit._base import Finding, Number, check, grouped, place


@check("versions", about="a MaxBoxAccV2 that is elsewhere printed as the first version's MaxBoxAcc")
def versions(numbers: Sequence[Number]) -> Iterator[Finding]:
    """The two metrics differ in components and IoU thresholds, so that one number for both is likely a mix-up."""
    known = [n for n in numbers if n.metric in ("maxboxacc", "maxboxacc_v2", "maxboxacc@50") and not n.difference]

    def system(number: Number) -> tuple[object, ...]:
        where = "" if number.system == "center" else number.network
        return (number.dataset, where, number.system, number.layers, number.setting)

    for _, cells in grouped(known, system):
        first = [n for n in cells if n.metric == "maxboxacc"]
        second = [n for n in cells if n.metric == "maxboxacc_v2"]
        for value in dict.fromkeys(n.value for n in second):
            mixed = [n for n in [*first, *second] if n.value == value]
            chance = len({n.table for n in mixed}) == 1 and max(n.digits for n in mixed) < 2  # 1 in 300 or so
            if {n.metric for n in mixed} == {"maxboxacc", "maxboxacc_v2"} and not chance:
                tables = {
                    metric: ", ".join(dict.fromkeys(n.table for n in mixed if n.metric == metric))
                    for metric in ("maxboxacc_v2", "maxboxacc")
                }
                yield Finding(
                    check="versions",
                    strength="chance",
                    numbers=tuple(mixed),
                    says=f"{place(mixed[0])}: {mixed[0].shown} is MaxBoxAccV2 in {tables['maxboxacc_v2']} and the "
                    f"first version's MaxBoxAcc in {tables['maxboxacc']}.",
                )
