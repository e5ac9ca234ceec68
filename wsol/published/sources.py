"""Where a published number stands: in its own table, in those that repeat it, and in those that print another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.published.audit._base import Number, place
from wsol.published.audit._read import published_numbers
from wsol.published.audit.same_system import agree

if TYPE_CHECKING:
    from wsol.published.beside import Benchmark, Published

SHORT = 4  # letters: CAM or HaS is part of too many names


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One number, and what other tables print for the same system, data set and metric.

    Attributes
    ----------
    stated : the chain that the cell itself gives, as text.
    same, other : numbers of other tables that agree up to rounding, and that don't.
    """

    number: Number
    stated: str
    same: tuple[Number, ...]
    other: tuple[Number, ...]

    @property
    def contradictions(self) -> tuple[Number, ...]:
        """The other numbers under the very same name; the rest are of variants, such as ``GenPromp (re-train)``."""
        return tuple(number for number in self.other if number.system == self.number.system)

    def record(self) -> dict[str, Any]:
        """As a plain object."""

        def plain(number: Number) -> dict[str, str]:
            return {"table": number.table, "cell": number.cell, "printed": number.printed,
                    "certainty": number.certainty, "source": number.source}  # fmt: skip

        return {**plain(self.number), "stated": self.stated, "same": [plain(n) for n in self.same],
                "contradicts": [plain(n) for n in self.contradictions],
                "variants": [plain(n) for n in self.other if n not in self.contradictions]}  # fmt: skip


def chains(cells: Sequence[Published], benchmark: Benchmark, others: Iterable[Benchmark]) -> list[Chain]:
    """The chain of every filled cell. Networks are compared only where both tables name one that the other knows."""
    by_id = {cell.id: cell for cell in cells}
    own = [number for number in published_numbers([benchmark]) if number.cell in by_id]
    known = [n for n in published_numbers(others) if not n.difference and not n.is_mean]
    found = []
    for number in own:
        alike = [n for n in known if _same(number, n)]
        found.append(
            Chain(
                number=number,
                stated=by_id[number.cell].source or "",
                same=tuple(n for n in alike if agree(number, n)),
                other=tuple(n for n in alike if not agree(number, n)),
            )
        )
    return found


def _same(one: Number, other: Number) -> bool:
    """Whether two numbers are of one system, by name; a setting or layers of its own make another one."""
    about = [(n.dataset, n.n, n.metric) for n in (one, other)]
    apart = any(a != b and a and b for a, b in ((one.layers, other.layers), (one.setting, other.setting)))
    networks = {one.network, other.network}
    alike = _part(one.system, other.system) and (len(networks) == 1 or "" in networks or _part(*networks))
    return about[0] == about[1] and alike and not apart


def _part(one: str, other: str) -> bool:
    """Whether one name is the other, or begins or ends it: variants, and systems on top of others; not short names."""
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) >= SHORT and (long.startswith(short) or long.endswith(short)))


def as_text(found: Sequence[Chain]) -> str:
    """A block per number: its own source, who repeats it, and who prints another one."""
    lines = []
    for chain in found:
        number = chain.number
        lines.append(f"{place(number)}: {number.label} {number.printed} ({number.certainty}; {chain.stated})")
        lines += [f"    same: {_there(n)}" for n in chain.same]
        lines += [f"    {'contradicts' if n.system == number.system else 'variant'}: {_there(n)}" for n in chain.other]
    many = sum(bool(chain.contradictions) for chain in found)
    alone = sum(not chain.same and not chain.other for chain in found)
    lines.append(f"Of {len(found)}: {many} with another number elsewhere, {alone} that stand nowhere else.")
    return "\n".join(lines)


def _there(number: Number) -> str:
    return f"{number.printed} in {number.table}, {place(number)} ({number.certainty}; {number.source})"
