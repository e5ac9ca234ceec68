"""What stands in the destination, part by part, beside what the source states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol.datasets.prepare._base import Part, Preparation
from wsol.datasets.prepare._plan import Plan, counts


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSummary:
    """One part of a prepared dataset.

    Attributes
    ----------
    files : in their places now. written : by this command. expected : as the source states, None where it states none.
    certain : whether that count can be relied on, see `Part`.
    missing : how many more the dataset needs; 0 for a part that it does without and of which nothing is there.
    archives : where they come from.
    """

    part: str
    files: int
    written: int
    expected: int | None
    certain: bool
    missing: int
    archives: str


def summary(plan: Plan, *, dry: bool = False) -> list[PartSummary]:
    """Count what is in its place; with `dry`, what would be there behind the plan."""
    preparation = plan.preparation
    to_write = dict.fromkeys((part.name for part in preparation.parts), 0)
    for pending in plan.pending:
        for entry in pending.values():
            part = preparation.part_at(entry.place)
            assert part is not None  # `Part.pattern` matches its own places
            to_write[part.name] += 1
    files = counts(preparation, plan.folder)
    if dry:
        files = {name: number + to_write[name] for name, number in files.items()}
    return [_of_part(part, files, to_write[part.name]) for part in preparation.parts]


def _of_part(part: Part, files: Mapping[str, int], written: int) -> PartSummary:
    number = files[part.name]
    enough = [count for count in sorted(part.counts) if count >= number]
    expected = enough[0] if enough else max(part.counts, default=None)
    wanted = part.required or bool(files.get(part.belongs_to))
    needed = bool(number) or (wanted and not any(files[other] for other in part.instead))
    least = expected if expected is not None and part.certain else 1
    return PartSummary(
        part=part.name,
        files=number,
        written=written,
        expected=expected,
        certain=part.certain,
        missing=max(0, least - number) if needed else 0,
        archives=part.archives,
    )


def checksum_notes(plan: Plan) -> list[str]:
    """One sentence for each archive whose checksum its source states."""
    notes = []
    for source in plan.sources:
        name = Path(source.path).name
        if not source.checksum:
            continue
        stated = plan.preparation.md5[name]
        if source.checksum == stated:
            notes.append(f"{name}: MD5 {stated}, as {plan.preparation.md5_origin} states.")
        else:
            notes.append(
                f"{name}: MD5 {source.checksum}, but {plan.preparation.md5_origin} states {stated}: another edition, "
                "or a damaged download."
            )
    return notes


def count_notes(preparation: Preparation, parts: Sequence[PartSummary]) -> list[str]:
    """Who states the counts, and a warning for each part that differs from one that nobody vouches for."""
    counted = [part for part in parts if part.expected is not None and part.files]
    certain = any(part.certain for part in counted)
    notes = [f"Counts are those of {preparation.origin}."] if certain and preparation.origin else []
    for part in counted:
        if not part.certain:
            end = "which agrees" if part.files == part.expected else "and that may be wrong: compare with the archive"
            notes.append(f"{part.part}: {part.files} files; {part.expected} is a count from memory, {end}.")
    return notes


def sentence(preparation: Preparation, parts: Sequence[PartSummary], folder: Path, *, dry: bool = False) -> str:
    """The whole in one line."""
    listed = ", ".join(
        f"{part.files}{f' of {part.expected}' if part.certain and part.expected is not None else ''} {part.part}"
        for part in parts
        if part.files or part.missing
    )
    written = sum(part.written for part in parts)
    lacking = [part for part in parts if part.missing]
    done = f"{written} files would be written" if dry else f"{written} files written"
    end = f"complete in {folder}"
    if dry:
        end = f"{folder} would be complete"
    if lacking:
        first = lacking[0]
        source = f" (in {first.archives})" if first.archives else ""
        end = f"missing: {sum(part.missing for part in lacking)} files, first {first.part}{source}"
    return f"{preparation.key}: {listed}; {done}; {end}"
