"""Claims of a run: read against its variants and numbers, and refused where rows could have suggested them."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from wsol.errors import ConfigError, OutputError, unknown
from wsol.grammar import same_choice
from wsol.runs.claims import Claim, added, claims_of, parts_of
from wsol.runs.folder import RunFolder

if TYPE_CHECKING:
    from wsol.evaluation.experiment import Experiment
    from wsol.runs.schema import About, Quantity

LEVEL = 0.95

log = logging.getLogger(__name__)


def claimed(texts: Sequence[str], experiment: Experiment, folder: RunFolder, *, tau: str) -> tuple[Claim, ...]:
    """The claims that a run is to hold: those it holds already, and new ones of which no row exists.

    Parameters
    ----------
    tau : where swept thresholds come from, as the table of this run takes them.

    Raises
    ------
    ConfigError : a claim that can't be read, an unknown variant or number (nearest one given), or one that comes after
        rows of its variants.
    """
    old = claims_of(folder.manifest) if (folder.path / "run.json").is_file() else ()
    about = experiment.about()
    new = added(old, [_read(text, about, images=len(experiment.samples), tau=tau) for text in texts])
    for claim in new:
        if where := _rows_of(claim, experiment, folder):
            raise ConfigError(
                f"claim {claim.text!r} comes too late: run {where} has rows of {claim.left} or {claim.right} under "
                f"{claim.measure} on these images; claim it of other images, or in a new folder: paths.runs=DIR"
            )
        log.info("claim written before its rows: %s", claim.text)
    return (*old, *new)


def _read(text: str, about: About, *, images: int, tau: str) -> Claim:
    left, sign, right, number = parts_of(text)
    keys = [_variant(name, about) for name in (left, right)]
    if keys[0] == keys[1]:
        raise ConfigError(f"claim {text!r} compares {keys[0]} with itself; name two variants")
    quantity = _quantity(number, about)
    if quantity.higher_is_better is None:
        raise ConfigError(f"claim {text!r}: of {quantity.measure}/{quantity.key} neither higher nor lower is better")
    return Claim(
        left=keys[0],
        right=keys[1],
        sign=sign,
        measure=quantity.measure,
        metric=quantity.key,
        tau=tau if quantity.tau == "sweep" else quantity.tau,
        level=LEVEL,
        images=images,
    )


def _variant(name: str, about: About) -> str:
    """The key of a variant, by its id however it is spelled, or by a method that has one variant alone."""
    for key, info in about.variants.items():
        if name == key or same_choice(name, info.id):
            return key
    fitting = [key for key, info in about.variants.items() if info.method == name]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ConfigError(f"claim: {name} could be {' or '.join(fitting)}; give the whole name")
    raise unknown("variant", name, about.variants, see="the run's method=[...]", error=ConfigError)


def _quantity(name: str, about: About) -> Quantity:
    """A number as ``measure/metric``, or by a metric that one measure alone has."""
    spelled = {f"{q.measure}/{q.key}": q for q in about.quantities if q.measure != "classification"}
    if name in spelled:
        return spelled[name]
    fitting = [whole for whole, q in spelled.items() if q.key == name]
    if len(fitting) == 1:
        return spelled[fitting[0]]
    if fitting:
        raise ConfigError(f"claim: {name} could be {' or '.join(fitting)}; give the whole name")
    raise unknown("number", name, spelled, see="wsol list protocols, wsol list metrics", error=ConfigError)


def _rows_of(claim: Claim, experiment: Experiment, folder: RunFolder) -> str:
    """The run that has rows of either variant under the claim's measure on these images, or ``""``."""
    pairs = {(claim.left, claim.measure), (claim.right, claim.measure)}
    if _has(folder, pairs):
        return folder.name
    family = json.loads(json.dumps(experiment.family, default=str))
    mine = set(experiment.sample_digests.values())
    for file in sorted(folder.path.parent.glob("*/run.json")):
        sister = RunFolder(file.parent)
        if sister.path == folder.path or _family(sister) != family or not _has(sister, pairs):
            continue
        for table in sister.tables({claim.left, claim.right}).values():
            if mine.intersection(table["sample_digest"].to_pylist()):
                return sister.name
    return ""


def _has(folder: RunFolder, pairs: Collection[tuple[str, str]]) -> bool:
    return any(not set(pairs).isdisjoint(footer.work) for footer in folder.footers())


def _family(folder: RunFolder) -> object:
    try:
        return folder.manifest.get("family")
    except OutputError:  # a damaged manifest counts as no rows
        return None
