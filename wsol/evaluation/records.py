"""What writers put into a footer: an experiment and its parts as the records of `wsol.runs.schema`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from wsol.localization.thresholds import hit_deltas, threshold_grid
from wsol.metrics._base import reduction_of
from wsol.options import defaults as option_defaults
from wsol.protocols._base import headline_rules
from wsol.runs.schema import About, MetricInfo, ProtocolInfo, Quantity, RunInfo, VariantInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wsol.evaluation.experiment import Experiment
    from wsol.methods._variants import Variant
    from wsol.metrics._base import Metric
    from wsol.protocols._base import Protocol
    from wsol.views import View

CLASSIFICATION = tuple(
    Quantity(
        measure="classification",
        key=f"top{top}_cls",
        label=f"Top-{top} Cls",
        unit="percent",
        reduction="rank",
        top=top,
        bounds=(0.0, 1.0),
        proportion=True,
    )
    for top in (1, 5)
)


def about_of_experiment(experiment: Experiment) -> About:
    """What the footers of an experiment's rows say."""
    protocols, metrics, stored = experiment.protocols, experiment.metrics, experiment.stored
    numerics, view = experiment.numerics, experiment.view
    quantities = [q for p in protocols for q in protocol_quantities(p)]
    quantities += [q for m in metrics for q in metric_quantities(m.name, m.metric)]
    return About(
        run=RunInfo(
            dataset=experiment.dataset.key,
            split=experiment.split,
            network=str(experiment.family["model"]),
            weights=experiment.weights_name,
            view=view.name,
            side=view.side,
            seed=experiment.seed,
            trained=not experiment.weights_name.startswith("random"),
            source="stored" if stored else "network" if experiment.classifier else "fixed",
            device=numerics.device.split(":")[0],
            precision=numerics.precision,
            classifier=_class_label(experiment),
            compiled=numerics.compile != "none",
            notes=tuple(experiment.dataset.notes()),
        ),
        variants={v.key: variant_info(v, {} if stored else _defaults(v)) for v in experiment.variants},
        protocols={p.name: protocol_info(p, None if stored else view) for p in protocols},
        metrics={m.name: metric_info(m.name, m.metric, m.sample) for m in metrics},
        quantities=(*quantities, *CLASSIFICATION),
    )


def _class_label(experiment: Experiment) -> str:
    """What decides the class as tables name it; empty where it is the network behind the maps, or nothing."""
    known = experiment.classes or (experiment.stored.predictions if experiment.stored else None)
    return "" if known is None else known.label


def _defaults(variant: Variant) -> Mapping[str, Any]:
    """All options of a variant's method with their defaults."""
    from wsol.methods._variants import config_of

    return config_of(variant.info.key)


def variant_info(variant: Variant, defaults: Mapping[str, Any]) -> VariantInfo:
    """A variant; `defaults` are all options of its method."""
    info = variant.info
    layered = info.layers != "input"
    return VariantInfo(
        key=variant.key,
        id=variant.id,
        method=info.key,
        name=info.title,
        layers=variant.layers if layered else (),
        modules=variant.modules if layered else (),
        options=dict(variant.options),
        defaults=dict(defaults),
        idle=_idle(variant),
        role=info.role,
        paper=info.paper,
        year=info.year,
        cost=info.cost,
        stochastic=info.stochastic,
        parts=tuple(part.key for part in variant.parts),
        fusion=dataclasses.asdict(variant.fusion) if variant.parts else {},
    )


def _idle(variant: Variant) -> tuple[str, ...]:
    """Without gamma, fusion does nothing to a single layer."""
    if len(variant.layers) != 1 or variant.fusion.gamma is not None:
        return ()
    return tuple(f.name for f in dataclasses.fields(variant.fusion) if f.name != "gamma")


def protocol_info(protocol: Protocol, view: View | None = None) -> ProtocolInfo:
    """A protocol as it is evaluated in a run whose view is `view`; None where the run's view is the protocol's."""
    other = view is not None and protocol.view != "any" and (protocol.view, protocol.merge) != (view.name, view.merge)
    grid = threshold_grid(protocol)
    return ProtocolInfo(
        name=protocol.name,
        paper=protocol.paper,
        knobs=protocol.knobs,
        preset=protocol.preset or protocol.name,
        changes=dict(protocol.changes),
        several_boxes=protocol.several_boxes,
        own_view=protocol.view if other else "",
        grid=() if protocol.tau != "sweep" or grid is None else tuple(grid.tolist()),
        hit_deltas=hit_deltas(protocol),
    )


def protocol_quantities(protocol: Protocol) -> tuple[Quantity, ...]:
    """MaxBoxAcc and its deltas where the threshold is swept, GT-known, Top-1 and Top-5 Loc, boxes, the threshold."""
    swept, headline = protocol.tau == "sweep", headline_rules[protocol.headline]

    def accuracy(key: str, label: str, *deltas: float, **fields: Any) -> Quantity:
        return Quantity(
            measure=protocol.name,
            key=key,
            label=label,
            unit="percent",
            tau="sweep" if swept else "fixed",
            average=protocol.average,
            reduction="hits",
            deltas=deltas,
            bounds=(0.0, 1.0),
            proportion=True,
            **fields,
        )

    def about_boxes(key: str, label: str, unit: Any) -> Quantity:
        return Quantity(
            measure=protocol.name,
            key=key,
            label=label,
            unit=unit,
            higher_is_better=None,
            tau="sweep" if swept else "fixed",
            reduction=key,
            main=key == "boxes",
        )

    quantities: list[Quantity] = []
    if swept:
        deltas = headline.deltas or protocol.deltas
        quantities.append(accuracy(headline.key, headline.label, *deltas, headline=True, main=True))
        quantities += [accuracy(f"maxboxacc@{round(100 * d)}", f"@{d:g}", d) for d in protocol.deltas]
    quantities.append(
        accuracy("gt_known_loc", "GT-known Loc", 0.5, headline=not swept, main=not swept or headline.deltas != (0.5,))
    )
    quantities += [accuracy(f"top{n}_loc", f"Top-{n} Loc", 0.5, top=n, main=n == 1) for n in (1, 5)]
    quantities += [about_boxes("best_tau", "best tau", "")] if swept else []
    quantities += [about_boxes("boxes", "Boxes", "count")] if protocol.several_boxes else []
    return tuple(quantities)


def metric_info(name: str, metric: Metric, sample: int | None = None) -> MetricInfo:
    """A metric under the name that its columns start with."""
    options = dataclasses.asdict(metric)  # type: ignore[call-overload]
    usual = option_defaults(type(metric))
    changes = {option: value for option, value in options.items() if value != usual.get(option)}
    return MetricInfo(
        name=name,
        key=metric.info.key,
        options=options,
        changes=changes,
        sample=sample,
        curves=dict(metric.info.curves),
        takes_map=metric.info.needs != {"probabilities"},
    )


def metric_quantities(name: str, metric: Metric) -> tuple[Quantity, ...]:
    """The numbers of a metric; the first two belong into the usual table."""
    quantities = []
    for place, score in enumerate(metric.scores):
        quantities.append(
            Quantity(
                measure=name,
                key=score.name,
                label=score.label,
                unit="percent" if score.percent else "",
                higher_is_better=score.higher_is_better,
                average="pooled" if score.column is None else "images",
                reduction=reduction_of(metric, score),
                columns=score.columns,
                bounds=score.bounds,
                signed=score.signed,
                proportion=score.proportion,
                main=place < 2,
            )
        )
    return tuple(quantities)
