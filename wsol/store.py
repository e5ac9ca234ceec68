"""Rows on disk: one Parquet file per shard, in a run folder named by what decides the rows.

A run folder holds everything measured for one (dataset, network, view, seed, numerics). A shard is a fixed list of
image ids. Each file says in its footer which (variant, measure) pairs it covers, so the same command again computes
only what is missing, and a variant or a protocol added later only itself.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wsol.errors import DataError, OutputError, unknown
from wsol.runs.checksum import checksum
from wsol.runs.schema import KEY, MEASURED, About, Footer

log = logging.getLogger(__name__)

STATUS = {"status": pa.string(), "error": pa.string(), "failed": pa.list_(pa.string())}  # often null
Work = frozenset[tuple[str, str]]  # (variant key, measure name)


@dataclass(frozen=True, slots=True)
class Shard:
    """A fixed list of image ids: the unit of work. It does not depend on how many workers there are."""

    index: int
    image_ids: tuple[str, ...]


def shards(image_ids: Sequence[str], size: int) -> tuple[Shard, ...]:
    """The sorted ids in pieces of `size`."""
    ordered = sorted(image_ids)
    return tuple(
        Shard(number, tuple(ordered[start : start + size])) for number, start in enumerate(range(0, len(ordered), size))
    )


def content_hash(identity: Mapping[str, Any], digits: int = 8) -> str:
    """Hex digits that change when anything in `identity` does."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


class RunFolder:
    """One run folder: where rows are written and read.

    Parameters
    ----------
    path : the folder; made when first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def manifest(self) -> dict[str, Any]:
        """What `write_manifest` wrote: identity, settings, versions."""
        file = self.path / "run.json"
        try:
            loaded: dict[str, Any] = json.loads(file.read_text())
        except ValueError as error:
            raise OutputError(f"{file} is damaged ({error}); the same wsol run writes it again") from error
        return loaded

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write run.json; also makes this run the `latest`. Raises OutputError when the folder can't be written."""
        text = json.dumps(manifest, indent=1, default=str)
        write_whole(self.path / "run.json", lambda place: place.write_text(text))

    def done(self, shard: Shard) -> Work:
        """The (variant, measure) pairs whose rows of this shard are complete."""
        return frozenset(pair for _, footer in self._files(shard.index) for pair in footer.work)

    def write(self, shard: Shard, rows: Sequence[Mapping[str, Any]], work: Work, about: About) -> Path:
        """Write one shard's rows beside their place and move them into it; readers never see half a file.

        Parameters
        ----------
        rows : grouped by variant, each group in the shard's order of images.
        work : the pairs these rows complete.
        about : what the footer says of the run, its variants and measures.
        """
        columns = dict.fromkeys(name for row in rows for name in row)
        table = pa.table({name: pa.array([row.get(name) for row in rows], STATUS.get(name)) for name in columns})
        footer = Footer(
            shard=shard.index,
            rows=len(rows),
            work=tuple(sorted(work)),
            run=about.run,
            variants=about.variants,
            protocols=about.protocols,
            metrics=about.metrics,
            quantities=about.quantities,
            checksum=checksum(table, without=MEASURED),
        )
        table = table.replace_schema_metadata({KEY: footer.to_json()})
        place = self.path / "rows" / f"shard-{shard.index:05d}-{content_hash({'work': sorted(work)})}.parquet"
        write_whole(place, lambda beside: pq.write_table(table, beside, compression="zstd", write_page_checksum=True))
        return place

    def footers(self) -> list[Footer]:
        """Footers of all complete files. Raises OutputError for rows of an older schema."""
        return [footer for _, footer in self._files()]

    def about(self) -> About:
        """What the footers say together. Raises DataError where there are no rows yet."""
        footers = self.footers()
        if not footers:
            raise DataError(f"run {self.name} has no rows yet; start it with: wsol run")
        return About.of(footers)

    def tables(self, variants: Collection[str] | None = None, *, without: tuple[str, ...] = ()) -> dict[str, pa.Table]:
        """By variant key, all its rows over all shards, one row per image, with the columns of every measure.

        Parameters
        ----------
        variants : only these.
        without : columns whose names end so are left on the disk.
        """
        pieces: dict[tuple[int, str], pa.Table] = {}
        for file, footer in self._files():
            wanted = {variant for variant, _ in footer.work}
            wanted = wanted if variants is None else wanted & set(variants)
            if not wanted:
                continue
            source = pq.ParquetFile(file)  # read_table imports pandas
            table = source.read([name for name in source.schema_arrow.names if not name.endswith(without)])
            for key in sorted(wanted):
                part = _by_image(table.filter(pc.equal(table["variant"], key)))
                where = (footer.shard, key)
                pieces[where] = _beside(pieces[where], part) if where in pieces else part
        grouped: dict[str, list[pa.Table]] = {}
        for (_, key), part in sorted(pieces.items(), key=lambda item: item[0]):
            grouped.setdefault(key, []).append(part.replace_schema_metadata(None))
        return {key: pa.concat_tables(parts, promote_options="permissive") for key, parts in grouped.items()}

    def _files(self, index: int | None = None) -> Iterable[tuple[Path, Footer]]:
        pattern = "shard-*.parquet" if index is None else f"shard-{index:05d}-*.parquet"
        for file in sorted((self.path / "rows").glob(pattern)):
            try:
                schema = pq.read_metadata(file)
            except (pa.ArrowException, OSError) as error:
                log.warning("%s is damaged and left out (%s); the same wsol run makes it again", file, error)
                continue
            footer = Footer.from_json((schema.metadata or {}).get(KEY, b"{}"), where=file)
            if footer.rows == schema.num_rows:
                yield file, footer


def write_whole(place: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` make a file beside `place`, then move it there: readers see all of it or nothing.

    Raises OutputError where the folder can't be written.
    """
    beside = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())  # network file systems may otherwise show the name before the bytes
        beside.replace(place)
    except OSError as error:
        raise OutputError(
            f"can't write {place}: {error.strerror}; choose another folder with paths.runs=DIR (wsol score: --runs DIR)"
        ) from error
    finally:
        if beside.exists():
            beside.unlink()


def open_run(name: str | Path, runs: Path) -> RunFolder:
    """The run called `name`: a folder, a folder name (or its beginning) under `runs`, or ``latest``."""
    path = Path(name)
    if (path / "run.json").is_file():
        return RunFolder(path)
    known = {p.parent.name: p for p in runs.glob("*/run.json")}
    if not known:
        raise OutputError(f"there is no run under {runs}; start one with: wsol run")
    if str(name) == "latest":
        return RunFolder(max(known.values(), key=lambda p: p.stat().st_mtime).parent)
    matching = [n for n in known if n.startswith(str(name))]
    if len(matching) == 1:
        return RunFolder(known[matching[0]].parent)
    if matching:
        fitting = ", ".join(sorted(matching))
        raise OutputError(
            f"{str(name)!r} fits {len(matching)} runs: {fitting}; say which (wsol table: '{name}*' for all)"
        )
    raise unknown("run", str(name), known, see=f"the folders in {runs}")


def find_runs(pattern: str, runs: Path) -> list[RunFolder]:
    """All runs under `runs` whose name fits a pattern with ``*``, oldest first."""
    found = [p for p in runs.glob("*/run.json") if fnmatchcase(p.parent.name, pattern)]
    return [RunFolder(p.parent) for p in sorted(found, key=lambda p: (p.stat().st_mtime, p.parent.name))]


def _by_image(rows: pa.Table) -> pa.Table:
    """Rows in the order of their image ids, so that what was computed at different times stands side by side."""
    ids = rows["image_id"].to_pylist()
    in_order = all(a < b for a, b in pairwise(ids))
    # not rows.sort_by, which imports pandas
    return rows if in_order else rows.take(pc.sort_indices(rows, [("image_id", "ascending")]))


def _beside(left: pa.Table, right: pa.Table) -> pa.Table:
    """The columns of `right` that `left` lacks, added to it; both hold the same images in the same order.

    A row has failed where either has.
    """
    for name in right.column_names:
        if name in STATUS and name in left.column_names:
            values = [_worse(name, a, b) for a, b in zip(left[name].to_pylist(), right[name].to_pylist(), strict=True)]
            left = left.set_column(left.column_names.index(name), name, pa.array(values, STATUS[name]))
        elif name not in left.column_names or left[name].null_count == len(left):
            left = left.drop_columns(name) if name in left.column_names else left
            left = left.append_column(name, right[name])
    return left


def _worse(name: str, a: Any, b: Any) -> Any:
    if name == "failed":
        return list(dict.fromkeys([*(a or ()), *(b or ())]))
    return b if a in (None, "ok") else a
