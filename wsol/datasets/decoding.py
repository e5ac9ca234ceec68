"""What decoding an image gives: its size, or why it can't be. Each is decoded once, and remembered by what it holds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

from wsol.datasets.contents import ABSENT, MANY, Key, remember, remembered
from wsol.progress import Progress

KIND = "decoding"  # of what is remembered
RULES = 1  # raise it when `wsol.datasets.pixels.decode_image` takes other images than before


@dataclass(frozen=True, slots=True)
class Decoded:
    """What decoding one image gave: width and height, or None and why it can't be decoded."""

    size_wh: tuple[int, int] | None
    damage: str = ""

    def __str__(self) -> str:
        """As it is remembered: ``500x375``, or the damage."""
        return self.damage if self.size_wh is None else "x".join(map(str, self.size_wh))

    @classmethod
    def of(cls, text: str) -> Decoded:
        """What a remembered `text` stands for."""
        size = re.fullmatch(r"(\d+)x(\d+)", text)
        return cls((int(size[1]), int(size[2]))) if size else cls(None, text)


def decode_all(contents: Mapping[str, str], decode: Callable[[str], Decoded], *, rule: str) -> dict[str, Decoded]:
    """By name, what decoding each image gives.

    Parameters
    ----------
    contents : by name, the digest of the file's bytes; `ABSENT` where it is unknown, and then nothing is remembered.
    decode : decodes the image of that name; called from several threads.
    rule : what else decides the result, such as whether images are turned upright.
    """
    import PIL

    state = f"{RULES} {rule} Pillow {PIL.__version__}"
    keys: dict[str, Key] = {name: (digest, state) for name, digest in contents.items()}
    known = remembered(KIND, list({key for key in keys.values() if key[0] != ABSENT}))
    unknown = [name for name, key in keys.items() if key not in known]
    new: dict[str, Decoded] = {}
    many = len(unknown) > MANY
    bar = Progress({KIND: (len(unknown), 1.0)}, what="decode each image once, to know the damaged ones")
    with ThreadPoolExecutor(os.cpu_count()) as pool, bar if many else nullcontext():
        for name, result in zip(unknown, pool.map(decode, unknown), strict=True):
            new[name] = result
            if many:
                bar.advance(KIND, 1)
    remember(KIND, {keys[name]: str(result) for name, result in new.items() if keys[name][0] != ABSENT})
    return {name: new[name] if name in new else Decoded.of(known[key]) for name, key in keys.items()}
