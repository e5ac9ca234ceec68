"""Names of a network's classes from a file, in the order of its outputs."""

from __future__ import annotations

import json
from pathlib import Path

from wsol.errors import ModelError


def read_class_names(path: Path, count: int) -> tuple[str, ...]:
    """The `count` names in a text file (one per line) or a JSON one (a list, or index to name or [id, name]).

    Raises ModelError where it can't be read, has another number of names, or one twice.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix == ".json" else [line.strip() for line in text.splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"model.classes={path} can't be read: {type(error).__name__}; give one name per line"
        ) from error
    if isinstance(content, dict):
        keys = [str(place) for place in range(len(content))]
        if set(content) != set(keys):
            raise ModelError(f"model.classes={path}: its keys are not the class indices 0 to {len(content) - 1}")
        content = [content[key] for key in keys]
    if not isinstance(content, list):
        raise ModelError(f"model.classes={path} is not a list of names; give one name per line")
    names = [one[-1] if isinstance(one, list) and one else one for one in content]
    while names and names[-1] == "":
        names.pop()
    if len(names) != count:
        raise ModelError(f"model.classes={path} has {len(names)} names, but the network has {count} classes")
    wrong = next((place for place, name in enumerate(names) if not isinstance(name, str) or not name), None)
    if wrong is not None:
        raise ModelError(f"model.classes={path}: class {wrong} has no name; give one name per line")
    return tuple(names)
