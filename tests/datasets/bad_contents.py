"""Contents of broken files by chance: each is a right one, changed by what people and programs do to files."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image

Rng = random.Random
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 3, 1.5, -0.0, 1e8, 1e30, 1e308, 2**31, 2**53, 2**63, 2**64, 10**400, -(10**400)),
    *(
        "",
        " ",
        "-",
        "0",
        "1",
        "1.0",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "no",
        "true",
        "None",
        "cat",
        "n01440764",
        "x" * 300,
    ),
    *(
        "9" * 5000,
        "\u0663",
        "caf\u00e9",
        "\ud800",
        "\x00",
        "../x",
        "/etc/passwd",
        "a\\b",
        "=1+1",
        "C:/x",
        "a,b",
        '"',
        "'",
    ),
    *([], {}, [[]], [1], [1, 2, 3, 4], [[1, 2, 3, 4, 5, 6]], [[1, 2, 3, 4, 5]], [[0, 0, 1e9, 0, 1e9, 1e9]], [None] * 4),
    *({"size": [8, 8], "counts": [64]}, {"size": [8, 8], "counts": "P2"}, {"size": [10**6, 10**6], "counts": [1]}),
    *({"size": [8, 8], "counts": [1, 2]}, {"size": [8], "counts": []}, {"size": [8, 8], "counts": [-1, 65]}, {"id": 1}),
]


def odd(draw: Rng) -> Any:
    return draw.choice(ODD)


def deep(draw: Rng) -> Any:
    value: Any = 1
    for _ in range(draw.choice([3, 300])):
        value = [value]
    return value


def coco_text(draw: Rng) -> bytes:
    content: Any = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 8, "height": 8} for n in (1, 2)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n, "bbox": [1, 1, 4, 5], "iscrowd": 0, "segmentation": seg}
            for n, seg in ((1, [[1, 1, 5, 1, 5, 6]]), (2, {"size": [8, 8], "counts": [9, 5, 50]}))
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    for _ in range(draw.randint(1, 3)):
        place: Any = content
        for _ in range(6):
            keys = (
                list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
            )
            if not keys:
                break
            key = draw.choice(keys)
            if draw.random() < 0.4 or not isinstance(place[key], dict | list):
                how = draw.random()
                if how < 0.15:
                    del place[key]
                elif how < 0.25:
                    place[key] = deep(draw)
                elif how < 0.4 and isinstance(place, list):
                    place.append(copy.deepcopy(place[key]))
                else:
                    place[key] = copy.deepcopy(odd(draw))
                break
            place = place[key]
    text = dumps(content)
    if draw.random() < 0.05:
        text = text.replace("1", "[" * 50_000, 1)
    return spoiled(draw, text.encode("utf-8", "surrogatepass"))


def dumps(content: Any) -> str:
    import sys

    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(content)
    finally:
        sys.set_int_max_str_digits(limit)


def text_of(value: Any) -> str:
    try:
        return str(value)
    except ValueError:
        return "1" + "0" * 5000


def table_bytes(draw: Rng, rows: list[list[Any]]) -> bytes:
    """A CSV file with some of its fields changed."""
    for _ in range(draw.randint(1, 3)):
        row = draw.choice(rows)
        how = draw.random()
        if how < 0.1 and row:
            row.pop(draw.randrange(len(row)))
        elif how < 0.2:
            row.append(text_of(odd(draw)))
        elif how < 0.23:
            rows.append(list(row))
        elif how < 0.26:
            row[:1] = ["f" * 200_000]
        elif how < 0.99 and row:
            row[draw.randrange(len(row))] = text_of(odd(draw))
    file = io.StringIO()
    if draw.random() < 0.5:
        csv.writer(file).writerows(rows)
    else:
        file.write("\n".join(",".join(map(str, row)) for row in rows))
    return spoiled(draw, file.getvalue().encode("utf-8", "surrogatepass"))


def boxes_text(draw: Rng) -> bytes:
    head = ["image_id", "label", "x0", "y0", "x1", "y1", "width", "height"]
    return table_bytes(draw, [head, *([f"{n}.png", draw.choice([n, "cat"]), 1, 1, 5, 6, 8, 8] for n in (1, 2))])


def spoiled(draw: Rng, content: bytes) -> bytes:
    """Bytes that are cut, flipped or of another encoding, now and then."""
    how = draw.random()
    if how < 0.08:
        return content[: draw.randrange(len(content) + 1)]
    if how < 0.16 and content:
        broken = bytearray(content)
        for _ in range(draw.randint(1, 8)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        return bytes(broken)
    if how < 0.19:
        return content.decode("utf-8", "replace").encode(draw.choice(["utf-16", "utf-8-sig", "utf-32"]))
    if how < 0.21:
        return draw.randbytes(draw.randrange(200))
    return content


def arrays(draw: Rng) -> dict[str, np.ndarray]:
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: np.ones((8, 8), np.uint8),
        lambda: np.zeros((8, 8), np.float32),
        lambda: np.full((8, 8), 255, np.uint8),
        lambda: np.ones((0, 8), np.uint8),
        lambda: np.ones((8,), bool),
        lambda: np.array(1.0),
        lambda: np.ones((2, 8, 8), np.float64),
        lambda: np.full((8, 8), np.nan),
        lambda: np.ones((8, 8), np.complex64),
        lambda: np.full((8, 8), "x"),
        lambda: np.zeros((8, 8), [("a", "f4")]),
        lambda: np.full((8, 8), np.datetime64("2020")),
        lambda: np.array([[{}]], object),
        lambda: np.ones((8, 8), np.float16),
    ]
    return {f"{n}.png": draw.choice(kinds)() for n in (1, 2)}


def npz_bytes(draw: Rng) -> bytes:
    file = io.BytesIO()
    how = draw.random()
    if how < 0.1:
        np.save(file, np.ones((8, 8)))
    elif how < 0.2:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(draw.choice(["1.png.npy", "1.png", "../1.png.npy", ".npy"]), draw.randbytes(50))
    else:
        draw.choice([np.savez, np.savez_compressed])(file, **arrays(draw))
    return spoiled(draw, file.getvalue())


def npy_bytes(draw: Rng) -> bytes:
    file = io.BytesIO()
    np.save(file, arrays(draw)["1.png"])
    content = file.getvalue()
    if draw.random() < 0.2:
        content = content.replace(b"(8, 8)", draw.choice([b"(9**9,)", b"(-8, 8)", b"(1e9, )", b"((((8"]))
    return spoiled(draw, content)


def safetensors_bytes(draw: Rng) -> bytes:
    from safetensors.numpy import save

    content = save({"1.png": np.ones((8, 8), np.float32), "2.png": np.zeros((8, 8), np.float32)})
    if draw.random() < 0.4:
        content = content.replace(
            draw.choice([b"F32", b"[8,8]", b"0,256", b"1.png"]), draw.choice([b"BF16", b"X", b"[9]"])
        )
    return spoiled(draw, content)


def image_bytes(draw: Rng) -> bytes:
    kinds = [np.uint8, np.uint16, np.int32, np.float32, bool]
    values = (np.random.default_rng(draw.randrange(99)).random((8, 8)) * draw.choice([0, 1, 200, 4000, 65535])).astype(
        draw.choice(kinds)
    )
    file = io.BytesIO()
    PIL.Image.fromarray(values).save(file, "TIFF" if values.dtype.kind in "if" else draw.choice(["PNG", "TIFF"]))
    return spoiled(draw, file.getvalue())


def broken(draw: Rng, content: bytes) -> bytes:
    """Text with some of its words and lines changed; else bytes that are spoiled."""
    if draw.random() < 0.3 or b"\0" in content:
        return spoiled(draw, content) if draw.random() < 0.8 else draw.randbytes(draw.randrange(300))
    text = content.decode("utf-8", "replace")
    for _ in range(draw.randint(1, 3)):
        words = [*re.finditer(r"[^\s,:<>\"\[\]{}()]+", text)]
        lines = text.split("\n")
        how = draw.random()
        if how < 0.15:
            del lines[draw.randrange(len(lines))]
            text = "\n".join(lines)
        elif how < 0.25:
            lines.insert(draw.randrange(len(lines)), draw.choice(lines))
            text = "\n".join(lines)
        elif words:
            word = draw.choice(words)
            text = text[: word.start()] + text_of(odd(draw)) + text[word.end() :]
    return spoiled(draw, text.encode("utf-8", "surrogatepass"))
