"""The footer of a file of rows: all that the file states about itself, as JSON in the Parquet metadata."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from wsol.errors import OutputError
from wsol.runs.schema import MEASURED, About, MetricInfo, ProtocolInfo, Quantity, RunInfo, VariantInfo

SCHEMA_VERSION = 3  # raise it when a reader of today could not read the rows; older run folders are refused
KEY = b"wsol"  # of the footer among a Parquet file's metadata
DIGEST = b"wsol.digest"  # of the footer's own digest beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """Everything a file of rows states about itself.

    Attributes
    ----------
    shard, rows : which shard the rows are of, and how many.
    work : the (variant key, measure) pairs that the rows hold.
    image_ids : of a part of a shard, the images it holds; empty for a whole shard.
    checksum : over all columns but the measured ones, so that equal rows have equal checksums on every machine.
    columns : the names of these columns.
    """

    shard: int
    rows: int
    work: tuple[tuple[str, str], ...]
    run: RunInfo
    variants: Mapping[str, VariantInfo] = field(default_factory=dict)
    protocols: Mapping[str, ProtocolInfo] = field(default_factory=dict)
    metrics: Mapping[str, MetricInfo] = field(default_factory=dict)
    quantities: tuple[Quantity, ...] = ()
    measured: tuple[str, ...] = MEASURED
    image_ids: tuple[str, ...] = ()
    checksum: str = ""
    columns: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> bytes:
        return json.dumps(self, default=_plain).encode()

    def metadata(self) -> dict[bytes, bytes]:
        """What a Parquet file's metadata say: the footer, and its digest."""
        text = self.to_json()
        return {KEY: text, DIGEST: footer_digest(text)}

    @classmethod
    def from_json(cls, text: bytes, *, where: object) -> Footer:
        """Raises OutputError for rows of another schema; ValueError, KeyError or TypeError for others."""
        plain = json.loads(text or b"{}")
        if not isinstance(plain, dict):
            raise ValueError(f"the footer is a {type(plain).__name__}")
        if plain.get("schema_version") != SCHEMA_VERSION:
            raise OutputError(
                f"{where} holds rows of an older version (schema {plain.get('schema_version', 'unknown')}, "
                f"expected {SCHEMA_VERSION}); run the same command into a new folder: wsol run paths.runs=DIR"
            )
        made = {name: _as_before(name, plain[name], make) for name, make in _RECORDS.items()}
        lists = {name: tuple(plain.get(name, ())) for name in ("measured", "image_ids", "columns")}
        return cls(**{**plain, **made, **lists})


def about_of_footers(footers: Iterable[Footer]) -> About:
    """What the footers of a run say together; later ones win. Raises ValueError where there is none."""
    known: Sequence[Footer] = list(footers)
    if not known:
        raise ValueError("there are no rows to describe")
    quantities = {(q.measure, q.key): q for footer in known for q in footer.quantities}
    return About(
        run=known[-1].run,
        variants={k: v for footer in known for k, v in footer.variants.items()},
        protocols={k: v for footer in known for k, v in footer.protocols.items()},
        metrics={k: v for footer in known for k, v in footer.metrics.items()},
        quantities=tuple(quantities.values()),
    )


def _plain(value: Any) -> Any:
    """A record as the dictionary of its fields, one level deep; `dataclasses.asdict` would copy every number."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return str(value)


def footer_digest(text: bytes) -> bytes:
    """Of a footer as it is written: nothing else in a Parquet file would show that a letter of it was changed."""
    return blake2b(text, digest_size=8).hexdigest().encode()


def _made(cls: type[Any], plain: Mapping[str, Any]) -> Any:
    """A record of plain JSON: its lists are tuples again."""
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()})


_RECORDS: dict[str, Callable[[Any], Any]] = {
    "work": lambda pairs: tuple((variant, measure) for variant, measure in pairs),
    "run": lambda plain: _made(RunInfo, plain),
    "variants": lambda plain: {k: _made(VariantInfo, v) for k, v in plain.items()},
    "protocols": lambda plain: {k: _made(ProtocolInfo, v) for k, v in plain.items()},
    "metrics": lambda plain: {k: MetricInfo(**v) for k, v in plain.items()},
    "quantities": lambda plain: tuple(_made(Quantity, q) for q in plain),
}
_before: dict[str, tuple[Any, Any]] = {}


def _as_before(name: str, plain: Any, make: Callable[[Any], Any]) -> Any:
    """The records of a field; the last ones again where it is the same, as in all files of a run."""
    last = _before.get(name)
    if last is None or last[0] != plain:
        last = _before[name] = (plain, make(plain))
    return last[1]
