"""A page for each metric, and the numbers of localization, from the registries' records."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from wsol.metrics._base import metrics
from wsol.options import SAMPLE, options_of
from wsol.protocols import protocols

from .markdown import code, facts, link, options_table, page, prose, table
from .quantities import quantities_table


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page of metrics."""
    for key in metrics.packaged():
        yield f"metrics/{key}", metric_page(key)
    yield "parts/metrics", table_of_metrics()
    yield "parts/localization", localization()


def localization() -> str:
    """The numbers that a swept protocol gives, the main one of both published kinds; and the classifier's own."""
    from wsol.evaluation.records import CLASSIFICATION, protocol_quantities

    v1, v2 = (protocol_quantities(protocols[name]) for name in ("choe2020_v1", "choe2020_v2"))
    several = [q for q in v2 if q.key not in {other.key for other in v1}]
    return quantities_table([*v1, *several, *CLASSIFICATION]) + "\n"


def table_of_metrics() -> str:
    rows = [
        [
            link("metrics", key),
            prose(m.info.about),
            ", ".join(map(code, sorted(m.info.needs))),
            m.info.cost,
        ]
        for key, m in metrics.packaged().items()
    ]
    return table(["key", "what it measures", "needs", "passes"], rows) + "\n"


def metric_page(key: str) -> str:
    """What one metric measures, its numbers and options."""
    from wsol.evaluation.records import metric_quantities

    cls = metrics[key]
    info = cls.info
    first, _, rest = (inspect.getdoc(cls) or "").partition("\n\n")
    known = {
        "Key": code(key),
        "Paper": prose(info.paper),
        "Needs": ", ".join(map(code, sorted(info.needs))),
        "Passes": f"{prose(info.cost)} per image and variant" if info.cost != "0" else "none",
    }
    return page(
        f"# {prose(key)}",
        prose(info.about),
        facts(known),
        prose(first),
        prose(rest),
        "## Numbers",
        quantities_table(metric_quantities(key, cls())),
        "## Options",
        options_table([SAMPLE, *options_of(cls)]),
        "## Use it",
        f"```sh\nwsol run metric=[{key}]\n```",
    )
