"""Which numbers of the lines are shown, which of them ranks the lines, and in which order the lines stand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wsol.errors import ConfigError, UnknownName, unknown
from wsol.grammar import same_choice
from wsol.report.numbers.lines import Key, Line, check_fields, value_of
from wsol.report.numbers.names import natural, short_name
from wsol.report.numbers.quantity import Cell
from wsol.report.numbers.reachable import shares_behind

if TYPE_CHECKING:
    from wsol.runs.schema import ProtocolInfo, VariantInfo

    Protocols = Mapping[str, ProtocolInfo]


NOTHING = "no number is left to show; leave out --metric, --protocol, --slice or --by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the reader wants to see.

    Attributes
    ----------
    by : fields that lines are grouped and ordered by; none for one line per variant, the best first.
    sort : metric to order by, or ``protocol/metric``.
    baseline : a variant that the others are shown as paired differences to.
    everything : all numbers, not only the main ones.
    """

    metrics: Sequence[str] = ()
    protocols: Sequence[str] = ()
    by: Sequence[str] = ()
    sort: str = ""
    baseline: str = ""
    everything: bool = False


def keys_of(lines: Sequence[Line], protocols: Protocols, choice: Choice) -> list[Key]:
    """The columns, in the order of the runs: protocols first, then metrics."""
    return chosen_keys({key: cell for line in lines for key, cell in line.cells.items()}, protocols, choice)


def chosen_keys(cells: Mapping[Key, Cell], protocols: Protocols, choice: Choice) -> list[Key]:
    """The columns that are asked for among those of `cells`; without a wish, the main ones.

    Raises
    ------
    UnknownName : a metric or protocol that isn't there, with the nearest that is.
    """
    known = shares_behind(sorted(cells, key=lambda key: key[0] not in protocols))  # stable
    if choice.protocols:
        measures = list(dict.fromkeys(key[0] for key in known))
        wanted = {name for asked in choice.protocols for name in _meant(asked, measures, protocols)}
        known = [key for key in known if key[0] in wanted]
    if choice.metrics:
        spellings = {key: {key[0], key[1], f"{key[0]}/{key[1]}"} for key in known}
        names = {name for several in spellings.values() for name in several}
        for name in choice.metrics:
            if name not in names:
                raise unknown("metric", name, names)
        return [key for key in known if spellings[key] & set(choice.metrics)]
    if choice.everything:
        return [key for key in known if key[0] != "classification"]
    return [key for key in known if cells[key].quantity.main]


def headline(keys: Sequence[Key], lines: Sequence[Line], sort: str = "") -> Key | None:
    """The column that lines are ranked by: what `sort` asks for, else the first main number."""
    known = list(dict.fromkeys(key for line in lines for key in line.cells))
    if sort:
        protocol, _, metric = sort.rpartition("/")
        fitting = [k for k in [*keys, *known] if k[1] == metric and (not protocol or k[0] == protocol)]
        if not fitting:
            raise unknown("metric", sort, {n for k in known for n in (k[1], f"{k[0]}/{k[1]}")})
        return fitting[0]
    return main_key(keys, {key: cell_at(lines, key) for key in keys})


def main_key(keys: Sequence[Key], cells: Mapping[Key, Cell]) -> Key | None:
    """The main number of the first measure, or its first number."""
    return next((k for k in keys if k[0] == keys[0][0] and cells[k].quantity.headline), keys[0] if keys else None)


def ordered(lines: Sequence[Line], key: Key | None, choice: Choice) -> list[Line]:
    """Best first (or by the fields of `choice.by`), variants after the one they equal; samples, then controls last."""
    if choice.by:
        check_fields(lines, choice.by)
    value = {line.name: worth(line, key) for line in lines}
    parts = {part: n for n, part in enumerate(dict.fromkeys(line.fields.get("slice") for line in lines))}
    most = max((line.cells[key].n for line in lines if key in line.cells), default=0) if key else 0

    def place(line: Line) -> tuple[Any, ...]:
        fields = tuple(_sortable(name, value_of(line, name), parts) for name in choice.by)
        twin = line.same_as in value
        rank_by = value[line.same_as] if twin else worth(line, key)
        base = () if choice.by and not choice.sort else (-rank_by, line.same_as or line.name, twin)
        fewer = is_sample(line, key, most) and not choice.by
        return (line.control, fewer, *((base, fields) if choice.sort else (fields, base)))

    return sorted(lines, key=place)


def _sortable(name: str, value: Any, parts: Mapping[Any, int]) -> Any:
    """Slices in the order they were cut, everything else as a reader counts."""
    return parts[value] if name == "slice" else natural(value)


def is_sample(line: Line, key: Key | None, most: int) -> bool:
    """Whether a line's number is of fewer images than others have: then it has no rank among them."""
    return key is not None and key in line.cells and line.cells[key].n < most


def cell_at(lines: Iterable[Line], key: Key) -> Cell:
    """Any cell of a column."""
    return next(line.cells[key] for line in lines if key in line.cells)


def _meant(asked: str, measures: Sequence[str], protocols: Protocols) -> list[str]:
    """A measure by its name; a preset means those derived from it too where it is not there itself."""
    if asked in measures:
        return [asked]
    derived = [name for name in measures if name in protocols and protocols[name].preset == asked]
    if not derived:
        raise unknown("protocol", asked, measures)
    return derived


def worth(line: Line, key: Key | None) -> float:
    """What lines are ordered by: the higher the better; -inf without a number."""
    cell = line.cells.get(key) if key else None
    if cell is None or math.isnan(cell.value):
        return -math.inf
    return -cell.value if cell.higher_is_better is False else cell.value


def baselines(blocks: Sequence[Sequence[Line]], name: str) -> list[Line]:
    """For each line of each block, the line called `name` in its block, or else the only one of all blocks.

    Raises
    ------
    UnknownName, ConfigError : no line is called so, or several, none of them in this block.
    """
    bases: list[Line | None] = []
    for block in blocks:
        try:
            bases.append(find_line(block, name))
        except UnknownName:
            bases.append(None)
    known = [line for line in bases if line is not None]
    if not known:
        find_line([line for block in blocks for line in block], name)  # says what there is
    if None in bases and len(known) > 1:
        raise ConfigError(f"{name!r} is in {len(known)} of {len(blocks)} runs; show those alone, or one run of them")
    return [base or known[0] for base, block in zip(bases, blocks, strict=True) for _ in block]


def find_line(lines: Sequence[Line], name: str) -> Line:
    """The line of a variant, by a name as `named_variant` understands it."""
    by_name = {line.name: line for line in lines}
    return by_name[named_variant(name, {key: line.variant for key, line in by_name.items()})]


def named_variant(name: str, variants: Mapping[str, VariantInfo | None], *, see: str = "") -> str:
    """The key of a variant: by its id however it is spelled, its method or the beginning of its key, if unambiguous.

    Raises
    ------
    ConfigError : several fit. UnknownName : none does; `see` says where to look.
    """
    for key, variant in variants.items():
        if name == key or (variant and (name == short_name(variant)[0] or same_choice(name, variant.id))):
            return key
    fitting = [key for key, variant in variants.items() if variant and variant.method == name]
    fitting = fitting or [key for key in variants if key.startswith(name)]
    if len(fitting) > 1:
        raise ConfigError(f"{name} could be {' or '.join(fitting)}; give the whole name")
    if not fitting:
        raise unknown("variant", name, variants, see=see)
    return fitting[0]
