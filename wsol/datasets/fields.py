"""What comes from files, typed once: msgspec checks each field, and a value of another type is refused.

One rule converts: a number that is written as text counts as that number (``"12"``, and ``109.0`` as the whole number
109). Nothing else does: true is not a number, and ``no`` is not a truth value.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Meta

from wsol.errors import DataError

if TYPE_CHECKING:
    from wsol.datasets.stores.remote_path import AnyPath

T = TypeVar("T")

LARGEST = 2**53  # whole numbers up to here are exact in a float, too
Whole = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Side = Annotated[int, Meta(ge=1, le=2**31)]
Rank = Annotated[int, Meta(ge=0, le=LARGEST)]
SHOWN = 80  # characters of a wrong value that fit into a sentence


def typed(value: Any, hint: type[T] | Any) -> T:
    """`value`, text or plain, as `hint`. Raises ValueError with what was expected."""
    result: T = msgspec.convert(value, hint, strict=False)  # its ValidationError is a ValueError
    return result


def read_json(path: AnyPath, hint: type[T], *, what: str) -> T:
    """A JSON file as `hint`; `what` it should be, for messages. Raises DataError."""
    content = read_bytes(path)
    try:
        text = content.decode(json.detect_encoding(content))
        return msgspec.json.decode(text, type=hint, strict=False)
    except msgspec.ValidationError as error:
        place = _first_wrong(text, hint) or str(error)
        raise DataError(f"{path} is not {what}: {place.replace('`', '')}") from error
    except (ValueError, RecursionError) as error:
        nan = "; NaN and Infinity are not JSON" if b"NaN" in content or b"Infinity" in content else ""
        raise DataError(f"{path} is not a JSON file: {error}{nan}") from error


def _first_wrong(text: str, hint: Any) -> str:
    """Which entry of which list is wrong, and why; msgspec itself names only the list. Empty where none is."""
    try:
        content = msgspec.json.decode(text)
    except (ValueError, RecursionError):  # behind the field that is wrong, it is not JSON at all
        return ""
    for field in msgspec.structs.fields(hint) if isinstance(content, dict) else ():
        entries = content.get(field.name)
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            try:
                msgspec.convert(entry, get_args(field.type)[0], strict=False)
            except msgspec.ValidationError as error:
                name = f" (id {short(entry['id'])})" if isinstance(entry, dict) and "id" in entry else ""
                return f"entry {place} of {field.name!r}{name}: {error}"
    return ""


def read_bytes(path: AnyPath) -> bytes:
    """The content of a regular file. Raises DataError."""
    try:
        if not path.is_file():  # reading a pipe would wait for its writer forever
            raise DataError(f"{path} can't be read: it is not a file")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error


def read_lines(path: AnyPath) -> list[tuple[int, str]]:
    """(line number from 1, text) of every line that isn't blank. Raises DataError."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} can't be read as text: {error}") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def read_table(path: AnyPath) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The header of a CSV file, and (line number, stripped text by column) of each line below it.

    Raises
    ------
    DataError : a column that stands twice, a line with more or fewer fields than the header, or no CSV at all.
    """
    numbered = read_lines(path)
    reader = csv.reader((line for _, line in numbered), skipinitialspace=True, strict=True)

    def fields() -> Iterator[tuple[int, list[str]]]:
        try:
            for values in reader:
                yield numbered[reader.line_num - 1][0], [value.strip() for value in values]
        except csv.Error as error:
            number = numbered[min(max(reader.line_num, 1), len(numbered)) - 1][0]
            raise DataError(f"{path}, line {number} is not CSV: {error}") from error

    lines = fields()
    _, header = next(lines, (0, []))
    check_unique(header, f"the header of {path}", what="column")

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        for number, values in lines:
            if len(values) != len(header):
                raise DataError(
                    f"{path}, line {number}: {short(','.join(values))} has {len(values)} fields, the header "
                    f"{len(header)}"
                )
            yield number, dict(zip(header, values, strict=True))

    return header, rows()


def check_unique(values: Iterable[Hashable], where: object, *, what: str) -> None:
    """Raises DataError where a value that must be unique stands twice: how many do, and the first."""
    twice = [value for value, n in Counter(values).items() if n > 1]
    if twice:
        more = f" ({len(twice)} of them do)" if len(twice) > 1 else ""
        raise DataError(f"the {what} {short(twice[0])} stands twice in {where}{more}; each must be unique")


def short(value: Any) -> str:
    """A value as Python writes it, cut to what a sentence can hold."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
    return cut(text)


def cut(text: str) -> str:
    """A text, such as a list of names, cut to what a sentence can hold."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


def whole_number(text: str) -> int | None:
    """The whole number that a text is, also as pandas writes it (``109.0``); None where it is none."""
    try:
        return typed(text, Whole)
    except ValueError:
        return None


def each_as(texts: Sequence[str], hint: Any) -> tuple[Any, ...]:
    """All texts as `hint`. Raises ValueError for the first that is not."""
    return tuple(typed(text, hint) for text in texts)
