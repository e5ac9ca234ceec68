"""One tiny ImageNet in the five layouts that people have; it has one of each thing that goes wrong with real ones.

Three classes whose order in the development kit is not that of their WordNet ids; seven images: one with two boxes, a
CMYK, a grey one, one that its EXIF tag turns, a PNG named .JPEG, one with a box past its edge, one on the blacklist.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

TENCH, GOLDFISH, KIT_FOX = "n01440764", "n01443537", "n02119789"
DEVKIT = {KIT_FOX: 1, TENCH: 2, GOLDFISH: 3}  # class ids of the kit
CLASS_INDEX = {TENCH: 0, GOLDFISH: 1, KIT_FOX: 278}  # of networks
Box = tuple[int, int, int, int]
IMAGES: dict[int, tuple[str, tuple[int, int], list[Box]]] = {  # class, size, boxes
    1: (KIT_FOX, (20, 16), [(2, 3, 9, 12), (10, 1, 19, 15)]),
    2: (TENCH, (18, 12), [(0, 0, 17, 11)]),  # CMYK
    3: (GOLDFISH, (12, 14), [(1, 1, 5, 6)]),  # grey
    4: (TENCH, (16, 10), [(3, 2, 12, 8)]),  # turned by EXIF
    5: (GOLDFISH, (11, 13), [(0, 4, 10, 12)]),  # a PNG
    6: (KIT_FOX, (15, 15), [(4, 5, 22, 14)]),  # the box leaves the image
    7: (TENCH, (14, 14), [(2, 2, 7, 7)]),  # blacklisted
}
BLACKLISTED = 7


def name(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}"


def content(number: int) -> bytes:
    """The file of an image."""
    _, (width, height), _ = IMAGES[number]
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    image, file = PIL.Image.fromarray(pixels), io.BytesIO()
    exif = PIL.Image.Exif()
    if number == 4:
        exif[0x0112] = 6
    mode = {2: "CMYK", 3: "L"}.get(number, "RGB")
    image.convert(mode).save(file, "PNG" if number == 5 else "JPEG", exif=exif)
    return file.getvalue()


def xml(number: int) -> str:
    wnid, (width, height), boxes = IMAGES[number]
    objects = "".join(
        f"<object><name>{wnid}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object>"
        for x0, y0, x1, y1 in boxes
    )
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{name(number)}</filename>{size}{objects}</annotation>"


def write(path: Path, data: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def write_devkit(folder: Path, *, matlab: bool = True) -> None:
    """The kit's text files, and its classes as MATLAB's file or, as later kits have them, as text."""
    write(folder / "ILSVRC2012_validation_ground_truth.txt", "\n".join(str(DEVKIT[w]) for w, _, _ in IMAGES.values()))
    write(folder / "ILSVRC2014_clsloc_validation_blacklist.txt", f"{BLACKLISTED}\n")
    if matlab:
        from scipy.io import savemat

        rows = [(number, wnid, 0) for wnid, number in DEVKIT.items()] + [(1001, "n00001740", 3)]
        kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("num_children", object)]
        savemat(folder / "meta.mat", {"synsets": np.array(rows, kinds)})
    else:
        write(folder / "map_clsloc.txt", "\n".join(f"{wnid} {number} a_fish" for wnid, number in DEVKIT.items()))


def write_xml(folder: Path) -> None:
    for number in IMAGES:
        write(folder / f"{name(number)}.xml", xml(number))


def write_csv(folder: Path) -> None:
    lines = ["ImageId,PredictionString"]
    for number, (wnid, _, boxes) in sorted(IMAGES.items(), reverse=True):
        lines.append(f"{name(number)},{' '.join(f'{wnid} {x0} {y0} {x1} {y1}' for x0, y0, x1, y1 in boxes)} ")
    write(folder / "LOC_val_solution.csv", "\n".join(lines))


def flat(root: Path) -> None:
    """Both archives unpacked beside each other, and a kit of a later year."""
    for number in IMAGES:
        write(root / f"{name(number)}.JPEG", content(number))
    write_xml(root / "ILSVRC2012_bbox_val_v3" / "val")
    write_devkit(root / "ILSVRC2014_devkit" / "data", matlab=False)


def torchvision(root: Path) -> None:
    """As torchvision leaves it, the boxes unpacked to the same val/."""
    for number, (wnid, _, _) in IMAGES.items():
        write(root / "val" / wnid / f"{name(number)}.JPEG", content(number))
    write_xml(root / "val")
    write_devkit(root / "ILSVRC2012_devkit_t12" / "data")
    write(root / "meta.bin", b"cos\n_exit\n(I1\ntR.")  # a pickle that ends the process of whoever loads it


def kaggle(root: Path) -> None:
    """Kaggle's tree, boxes from its CSV."""
    for number in IMAGES:
        write(root / "ILSVRC" / "Data" / "CLS-LOC" / "val" / f"{name(number)}.JPEG", content(number))
    write(root / "LOC_synset_mapping.txt", f"{TENCH} tench, Tinca tinca\n{GOLDFISH} goldfish\n{KIT_FOX} kit fox")
    write_csv(root)
    write_devkit(root / "ILSVRC" / "devkit" / "data")


def kaggle_xml(root: Path) -> None:
    """Kaggle's tree, boxes from its XML files."""
    kaggle(root)
    (root / "LOC_val_solution.csv").unlink()
    write_xml(root / "ILSVRC" / "Annotations" / "CLS-LOC" / "val")


def suffixed(root: Path) -> None:
    """Names that end in the WordNet id, and lists of wsolevaluation for the boxes."""
    lists: dict[str, list[str]] = {"image_ids": [], "class_labels": [], "image_sizes": [], "localization": []}
    for number, (wnid, (width, height), boxes) in IMAGES.items():
        write(root / f"{name(number)}_{wnid}.JPEG", content(number))
        image_id = f"val/{name(number)}.JPEG"
        lists["image_ids"].append(image_id)
        lists["class_labels"].append(f"{image_id},{CLASS_INDEX[wnid]}")
        lists["image_sizes"].append(f"{image_id},{width},{height}")
        lists["localization"] += [f"{image_id},{','.join(map(str, box))}" for box in boxes]
    lists["localization"] = [line.replace("4,5,22,14", "4,5,15,14") for line in lists["localization"]]  # within, there
    for file, lines in lists.items():
        write(root / "metadata" / "ILSVRC" / "test" / f"{file}.txt", "\n".join(lines))
    write_devkit(root / "data")


def shards(root: Path) -> None:
    """Two shards of webdataset: keys that are numbers, names in the JSON, class indices."""
    root.mkdir(parents=True)
    for shard, numbers in enumerate(([1, 2, 3, 4], [5, 6, 7])):
        with tarfile.open(root / f"imagenet-val-{shard:06d}.tar", "w") as archive:
            for number in numbers:
                wnid, (width, height), _ = IMAGES[number]
                facts = {"filename": f"{name(number)}.JPEG", "width": width, "height": height}
                members = {"jpg": content(number), "cls": str(CLASS_INDEX[wnid]), "json": json.dumps(facts)}
                for suffix, data in members.items():
                    data = data.encode() if isinstance(data, str) else data
                    info = tarfile.TarInfo(f"{number:08d}.{suffix}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    write_xml(root / "bbox" / "val")
    write_devkit(root / "ILSVRC2012_devkit_t12" / "data")


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "flat": flat,
    "torchvision": torchvision,
    "kaggle": kaggle,
    "kaggle_xml": kaggle_xml,
    "suffixed": suffixed,
    "shards": shards,
}
