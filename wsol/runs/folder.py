"""Rows on disk: one Parquet file per shard, in a run folder named by what decides the rows.

A run folder holds everything measured for one (dataset, network, view, seed, numerics). A shard is a fixed list of
image ids. Each file says in its footer which (variant, measure) pairs it covers, so the same command again computes
only what is missing, and a variant or a protocol added later only itself.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wsol.errors import DataError, OutputError
from wsol.runs.arrays import texts
from wsol.runs.checksum import checksum
from wsol.runs.footer import Footer, about_of_footers
from wsol.runs.merge import by_variant, joined, table_of
from wsol.runs.row_files import RowFile, names_of, row_files, sound
from wsol.runs.schema import MEASURED, About
from wsol.runs.shards import Shard, Work, content_hash
from wsol.runs.write import write_text, write_whole

READERS = 2  # threads; files are small, and Python between reads holds the others up


def digest_of(work: Work, image_ids: Sequence[str] = ()) -> str:
    """What a file of rows is called after: the pairs that it completes and, of a part, its images."""
    return content_hash({"work": sorted(work), **({"images": sorted(image_ids)} if image_ids else {})})


@dataclass(frozen=True, slots=True)
class Held:
    """What the files of a shard hold.

    Attributes
    ----------
    complete : the pairs of whole files, and those whose parts together have all images.
    parts : pairs and image ids of each part.
    """

    complete: Work
    parts: tuple[tuple[Work, frozenset[str]], ...] = ()

    def of_image(self, image_id: str) -> Work:
        """The pairs that are there for one image."""
        return self.complete.union(*(work for work, ids in self.parts if image_id in ids))


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
        """What `write_manifest` wrote: identity, settings, versions, and when."""
        file = self.path / "run.json"
        try:
            loaded = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(loaded, dict):
                raise ValueError(f"it holds a {type(loaded).__name__}")
        except ValueError as error:
            raise OutputError(f"{file} is damaged ({error}); the same wsol run writes it again") from error
        except FileNotFoundError as error:
            raise OutputError(f"{file} is gone; the same wsol run writes it again") from error
        return loaded

    @property
    def written(self) -> float:
        """When the manifest was last written, in seconds since 1970; of a copied folder as of its original."""
        try:
            return datetime.fromisoformat(self.manifest["written"]).timestamp()
        except (OutputError, KeyError, TypeError, ValueError):  # damaged, or of an older version
            file = self.path / "run.json"
            return file.stat().st_mtime if file.is_file() else 0.0

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write run.json; also makes this run the `latest`. Claims that it holds stay, whatever is written.

        Raises OutputError when the folder can't be written.
        """
        if "claims" not in manifest and (self.path / "run.json").is_file():
            with suppress(OutputError):  # a damaged one is written anew
                manifest = {**manifest, **{k: v for k, v in self.manifest.items() if k == "claims"}}
        text = json.dumps({**manifest, "written": datetime.now(UTC).isoformat()}, indent=1, default=str)
        write_text(self.path / "run.json", text)

    def done(self, shard: Shard) -> Work:
        """The (variant, measure) pairs whose rows of this shard are complete."""
        return self.held(shard).complete

    def held(self, shard: Shard) -> Held:
        """What is on the disk of a shard: whole files, and parts of one that was not finished."""
        footers = [file.footer for file in sound(self.files(shard.index))]
        parts = [footer for footer in footers if footer.image_ids]
        complete = frozenset(pair for footer in footers if not footer.image_ids for pair in footer.work)
        return Held(
            complete | _covering(parts, shard), tuple((frozenset(f.work), frozenset(f.image_ids)) for f in parts)
        )

    def write(
        self,
        shard: Shard,
        rows: pa.Table | Sequence[Mapping[str, Any]],
        work: Work,
        about: About,
        *,
        image_ids: Sequence[str] = (),
    ) -> Path:
        """Write one shard's rows beside their place and move them into it; readers never see half a file.

        Parameters
        ----------
        rows : grouped by variant, each group in the shard's order of images.
        work : the pairs these rows complete.
        about : what the footer says of the run, its variants and measures.
        image_ids : of a part of the shard, its images; several parts are joined by `join_parts`.
        """
        table = rows if isinstance(rows, pa.Table) else table_of(rows)
        footer = Footer(
            shard=shard.index,
            rows=len(table),
            work=tuple(sorted(work)),
            run=about.run,
            variants=about.variants,
            protocols=about.protocols,
            metrics=about.metrics,
            quantities=about.quantities,
            image_ids=tuple(image_ids),
            checksum=checksum(table, without=MEASURED),
            columns=names_of(table, MEASURED),
        )
        table = table.replace_schema_metadata(footer.metadata())
        place = self.place(shard, digest_of(work, image_ids))
        write_whole(place, lambda beside: pq.write_table(table, beside, compression="zstd", write_page_checksum=True))
        return place

    def place(self, shard: Shard, digest: str) -> Path:
        """Where `write` puts rows of a shard; `digest` is of what they are, see `digest_of`."""
        return self.path / "rows" / f"shard-{shard.index:05d}-{digest}.parquet"

    def join_parts(self, shard: Shard) -> None:
        """Make one file of the parts of a shard that have all images of every pair in them.

        Others stay: those that an earlier command left, of work that was not asked for again.
        """
        parts = list(sound(file for file in self.files(shard.index) if file.footer.image_ids))
        while True:
            whole = _covering([file.footer for file in parts], shard)
            able = [file for file in parts if whole.issuperset(file.footer.work)]
            if len(able) == len(parts):
                break
            parts = able  # without the others, those that relied on them may not have all images either
        if not parts:
            return
        order = {key: n for file in parts for n, key in enumerate(file.footer.variants)}
        read = [rows for file in parts if (rows := file.read()) is not None]
        if len(read) < len(parts):  # another process joins them, too, and has removed some
            return
        tables = by_variant(read)
        rows = pa.concat_tables(
            [tables[key] for key in sorted(tables, key=lambda k: order.get(k, len(order)))],
            promote_options="permissive",
        )
        self.write(shard, rows, whole, about_of_footers([file.footer for file in parts]))
        for file in parts:
            file.path.unlink(missing_ok=True)

    def failed(self, work: Work) -> dict[str, list[tuple[str, str]]]:
        """By variant key, (image id, error) of each row that failed in one of these (variant, measure) pairs."""
        failures: dict[str, dict[str, str]] = defaultdict(dict)
        for file in self.files():
            if not work.isdisjoint(file.footer.work) and file.footer.rows:
                rows = file.read(["variant", "image_id", "status", "error", "failed"])
                if rows is None:
                    continue
                for row in rows.filter(pc.equal(rows["status"], "failed")).to_pylist():
                    # one that failed in no measure was not classified
                    if not row["failed"] or any((row["variant"], measure) in work for measure in row["failed"]):
                        failures[row["variant"]].setdefault(row["image_id"], row["error"])
        return {key: sorted(lines.items()) for key, lines in failures.items()}

    def covered(self) -> dict[str, Work]:
        """By image id, the pairs of which there are rows."""
        by_image: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for file in self.files():
            measures: dict[str, list[tuple[str, str]]] = defaultdict(list)
            for pair in file.footer.work:
                measures[pair[0]].append(pair)
            rows = file.read(["variant", "image_id"])
            if rows is None:
                continue
            for key, image_id in zip(rows["variant"].to_pylist(), rows["image_id"].to_pylist(), strict=True):
                by_image[image_id].update(measures[key])
        return defaultdict(frozenset, {image_id: frozenset(pairs) for image_id, pairs in by_image.items()})

    def footers(self) -> list[Footer]:
        """Footers of all complete files. Raises OutputError for rows of an older schema."""
        return [file.footer for file in self.files()]

    def about(self) -> About:
        """What the footers say together. Raises DataError where there are no rows yet."""
        footers = self.footers()
        if not footers:
            raise DataError(f"run {self.name} has no rows yet; start it with: wsol run")
        return about_of_footers(footers)

    def tables(
        self,
        variants: Collection[str] | None = None,
        *,
        columns: Callable[[str], bool] | None = None,
        files: Sequence[RowFile] | None = None,
        change: Callable[[pa.Table], pa.Table] | None = None,
    ) -> dict[str, pa.Table]:
        """By variant key, all its rows over all shards, one row per image, with the columns of every measure.

        Parameters
        ----------
        variants : only these.
        columns : which columns are read, by name; others stay on the disk.
        files : only rows of these.
        change : what becomes of the rows of each file, so that long columns need never be in memory together.
        """
        wanted = None if variants is None else set(variants)
        taken = [
            file
            for file in (self.files() if files is None else files)
            if file.footer.work and (wanted is None or not wanted.isdisjoint(key for key, _ in file.footer.work))
        ]
        taken.sort(key=lambda file: file.footer.shard)  # stable

        def load(file: RowFile) -> pa.Table | None:
            table = file.read([name for name in file.columns if columns is None or columns(name)])
            if table is None:
                return None
            if wanted is not None:
                table = table.filter(pc.is_in(table["variant"], texts(sorted(wanted))))
            return table if change is None else change(table)

        grouped: dict[str, list[pa.Table]] = {}
        with ThreadPoolExecutor(READERS) as pool:
            loaded = zip(taken, pool.map(load, taken), strict=True)
            for _, several in groupby(loaded, key=lambda one: one[0].footer.shard):
                for key, part in by_variant([table for _, table in several if table is not None]).items():
                    grouped.setdefault(key, []).append(part)
        whole = {key: joined(pa.concat_tables(parts, promote_options="permissive")) for key, parts in grouped.items()}
        grouped.clear()
        pa.default_memory_pool().release_unused()
        return whole

    def files(self, index: int | None = None) -> list[RowFile]:
        """All complete files of rows, or those of one shard. Raises OutputError for rows of an older schema."""
        return row_files(self.path / "rows", index)


def _covering(parts: Iterable[Footer], shard: Shard) -> Work:
    """The pairs of which parts together have all images of a shard."""
    there: dict[tuple[str, str], set[str]] = defaultdict(set)
    for footer in parts:
        for pair in footer.work:
            there[pair].update(footer.image_ids)
    return frozenset(pair for pair, ids in there.items() if ids.issuperset(shard.image_ids))
