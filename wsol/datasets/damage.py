"""Which images can't be decoded. Found before a run by decoding each once, and remembered by what the file holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from wsol.datasets.contents import ABSENT, MANY, Key, remember, remembered
from wsol.progress import Progress

KIND = "decoding"  # of what is remembered
RULES = 1  # raise it when `wsol.datasets.pixels.decode_image` refuses other images than before


def damaged_images(contents: Mapping[str, str], decode: Callable[[str], str]) -> dict[str, str]:
    """By name, why an image can't be decoded; sound images are not named.

    Parameters
    ----------
    contents : by name, the digest of the file's bytes; `ABSENT` where it is unknown, and then nothing is remembered.
    decode : decodes the image of that name, and says why it can't, or nothing; called from several threads.
    """
    import PIL

    state = f"{RULES} Pillow {PIL.__version__}"
    keys: dict[str, Key] = {name: (digest, state) for name, digest in contents.items()}
    known = remembered(KIND, list({key for key in keys.values() if key[0] != ABSENT}))
    unknown = [name for name, key in keys.items() if key not in known]
    new: dict[str, str] = {}
    many = len(unknown) > MANY
    bar = Progress({KIND: (len(unknown), 1.0)}, what="decode each image once, to know the damaged ones")
    with ThreadPoolExecutor(os.cpu_count()) as pool, bar if many else nullcontext():
        for name, reason in zip(unknown, pool.map(decode, unknown), strict=True):
            new[name] = reason
            if many:
                bar.advance(KIND, 1)
    remember(KIND, {keys[name]: reason for name, reason in new.items() if keys[name][0] != ABSENT})
    reasons = {name: new[name] if name in new else known[key] for name, key in keys.items()}
    return {name: reason for name, reason in reasons.items() if reason}
