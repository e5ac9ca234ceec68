"""Broken files by chance, each kind written and read: what readers may answer is one sentence of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.datasets.bad_contents import (
    Rng,
    boxes_text,
    broken,
    coco_text,
    image_bytes,
    npy_bytes,
    npz_bytes,
    safetensors_bytes,
    table_bytes,
)
from tests.datasets.trees import TREES
from wsol.datasets.annotations import read_annotations
from wsol.datasets.base import Dataset, datasets
from wsol.datasets.formats.folder import Folder
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.datasets.predictions import read_predictions
from wsol.datasets.recognition import guesses
from wsol.errors import WsolError
from wsol.maps.files import open_maps
from wsol.options import build


def read_all(data: Dataset) -> None:
    for sample in data.samples():
        data.mask(sample)
        data.stamp(sample)
    data.fingerprint()
    _ = data.class_names, data.numbers_names


def case_coco(draw: Rng, at: Path) -> None:
    (at / "a.json").write_bytes(coco_text(draw))
    read_all(read_annotations(at / "a.json"))


def case_csv(draw: Rng, at: Path) -> None:
    (at / "a.csv").write_bytes(boxes_text(draw))
    read_all(read_annotations(at / "a.csv"))


def case_lists(draw: Rng, at: Path) -> None:
    rows = {
        "image_ids": [["1.png"], ["2.png"]],
        "class_labels": [["1.png", 0], ["2.png", 1]],
        "image_sizes": [["1.png", 8, 8], ["2.png", 8, 8]],
        "localization": draw.choice([[["1.png", 1, 1, 5, 6], ["2.png", 1, 1, 5, 6]], [["1.png", "m.png", ""]]]),
    }
    wrong = draw.choice(list(rows))
    for name, lines in rows.items():
        plain = "\n".join(",".join(map(str, line)) for line in lines).encode()
        (at / f"{name}.txt").write_bytes(table_bytes(draw, lines) if name == wrong else plain)
    (at / "m.png").write_bytes(image_bytes(draw))
    read_all(WsolEvaluation(images=None, metadata=at, masks=draw.choice([None, at])))


def case_predictions(draw: Rng, at: Path) -> None:
    (at / "a.csv").write_text("image_id,label,x0,y0,x1,y1,width,height\n1.png,cat,1,1,5,6,8,8\n2.png,dog,1,1,5,6,8,8")
    head = draw.choice([["top1"], ["top1", "top2"], ["rank"], ["correct"]])
    (at / "p.csv").write_bytes(
        table_bytes(
            draw, [["image_id", *head], *([f"{n}.png", *[draw.choice([0, 1, "cat"])] * len(head)] for n in (1, 2))]
        )
    )
    read_predictions(at / "p.csv", read_annotations(at / "a.csv"))


def case_masks(draw: Rng, at: Path) -> None:
    (at / "m.npz").write_bytes(npz_bytes(draw))
    read_all(read_annotations(at / "m.npz"))


def case_maps(draw: Rng, at: Path) -> None:
    how = draw.choice(["npz", "safetensors", "folder"])
    if how == "folder":
        at = at / "maps"
        at.mkdir(exist_ok=True)
        for n in (1, 2):
            (at / f"{n}.png.npy").write_bytes(npy_bytes(draw))
        maps = open_maps(at)
    else:
        (at / f"m.{how}").write_bytes(npz_bytes(draw) if how == "npz" else safetensors_bytes(draw))
        maps = open_maps(at / f"m.{how}")
    for name in maps.names:
        maps.load(name, image_id=name)


def case_images(draw: Rng, at: Path) -> None:
    (at / "1.png").write_bytes(image_bytes(draw))
    (at / "a.csv").write_text("image_id,label,x0,y0,x1,y1\n1.png,0,1,1,5,6")
    data = Folder(images=at, annotations=at / "a.csv", upright=draw.random() < 0.5)
    read_all(data)
    data.image(data.samples()[0])


def case_tree(draw: Rng, at: Path) -> None:
    """A published layout with a file changed, emptied, removed, or a folder in its place."""
    name = draw.choice([*TREES])
    key, writer = TREES[name]
    root = at / "tree"
    shutil.rmtree(root, ignore_errors=True)
    writer(root)
    options = next(guess for guess in guesses(root) if guess.key == key).options
    file = draw.choice(sorted(path for path in root.rglob("*") if path.is_file()))
    content = file.read_bytes()
    how = draw.random()
    file.unlink()
    if how < 0.03:
        file.mkdir()
    elif how > 0.06:
        file.write_bytes(broken(draw, content))
    guesses(root)
    data = build(datasets[key], options, where="dataset")
    read_all(data)
    for sample in data.samples():
        data.image(sample)
    data.notes()


CASES = (
    case_tree,
    case_tree,
    case_coco,
    case_coco,
    case_csv,
    case_lists,
    case_predictions,
    case_masks,
    case_maps,
    case_images,
)


def run_case(seed: int, at: Path) -> str:
    """Make and read the broken files of one seed; what went wrong other than by a sentence of ours, or ""."""
    draw = Rng(seed)
    case = CASES[seed % len(CASES)]
    try:
        case(draw, at)
    except WsolError as error:
        text = str(error)
        if len(text) > 1500 or "\n" in text.strip() or "Traceback" in text:
            return f"{case.__name__} {seed}: a message of {len(text)} characters: {text[:200]!r}"
    except BaseException as error:
        return f"{case.__name__} {seed}: {type(error).__name__}: {str(error)[:200]}"
    return ""
