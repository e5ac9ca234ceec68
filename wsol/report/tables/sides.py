"""Two variants on the images they share, ready to be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsol.errors import DataError
from wsol.report.numbers.choose import named_variant
from wsol.report.numbers.failures import failures, prepared
from wsol.report.numbers.settings import Settings
from wsol.report.numbers.summary import summarize
from wsol.report.tables.compare import Side

if TYPE_CHECKING:
    from wsol.runs.folder import RunFolder


def sides(
    first: tuple[RunFolder, str], second: tuple[RunFolder, str], settings: Settings | None = None
) -> tuple[Side, Side]:
    """The numbers of two (run, variant key) on the images that both have.

    Raises
    ------
    DataError : they have no image in common.
    """
    settings = settings or Settings()
    chosen = (first, second)
    stored = [folder.tables()[variant] for folder, variant in chosen]
    tables = [
        prepared(table, folder.about(), skip_failed=settings.skip_failed)
        for table, (folder, _) in zip(stored, chosen, strict=True)
    ]
    both = set(tables[0]["image_id"].to_pylist()) & set(tables[1]["image_id"].to_pylist())
    if not both:
        raise DataError(f"{first[1]} and {second[1]} have no image in common; compare variants of one data set")
    a, b = (
        Side.of(
            summarize(folder, variants=[variant], images=both, settings=settings),
            variant,
            rows.filter([i in both for i in rows["image_id"].to_pylist()]),
            failures(whole, skipped=settings.skip_failed),
        )
        for (folder, variant), rows, whole in zip(chosen, tables, stored, strict=True)
    )
    return a, b


def variant_key(folder: RunFolder, name: str) -> str:
    """The key of a variant of a run, by a name as `named_variant` understands it."""
    return named_variant(name, folder.about().variants, see=f"wsol table {folder.name}")
