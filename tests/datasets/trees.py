"""Tiny sets in the layouts in which they are published: by each reader's name, functions that write one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from tests.datasets.conftest import paint, rectangle
from tests.datasets.imagenet_trees import LAYOUTS, TENCH, xml
from tests.datasets.imagenet_trees import write as _write

BOX = (2, 1, 6, 5)  # of the first image of most sets, half-open; images are 8 x 6


def write(path: Path, text: str) -> None:
    _write(path, text)


def indexed(path: Path, levels: np.ndarray) -> None:
    """A palette image whose indices are `levels`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = PIL.Image.fromarray(levels.astype(np.uint8)).convert("P")
    image.putdata(levels.astype(np.uint8).reshape(-1).tolist())
    image.putpalette([value for n in range(256) for value in (n, 255 - n, n)])
    image.save(path)


def levels(background: int, inside: int, *, border: int | None = None) -> np.ndarray:
    """(6, 8) with `inside` in `BOX`, and around it `border`."""
    image = np.full((6, 8), background)
    if border is not None:
        image[BOX[1] - 1 : BOX[3] + 1, BOX[0] - 1 : BOX[2] + 1] = border
    image[BOX[1] : BOX[3], BOX[0] : BOX[2]] = inside
    return image


CUB = ("001.Black_footed_Albatross/a.jpg", "002.Laysan_Albatross/b.jpg", "002.Laysan_Albatross/c.jpg")


def cub(root: Path) -> None:
    """Three images, the second of the training split; the third is grey."""
    for name in CUB:
        paint(root / "CUB_200_2011" / "images" / name, (8, 6), mode="L" if name == CUB[2] else "RGB")
        rectangle((root / "segmentations" / name).with_suffix(".png"), (8, 6), BOX)
    tables = {
        "images": [f"{n} {name}" for n, name in enumerate(CUB, start=1)],
        "bounding_boxes": ["1 2.0 1.0 4.0 4.0", "2 0.0 0.0 8.0 6.0", "3 1.0 1.0 3.5 2.0"],
        "image_class_labels": ["1 1", "2 2", "3 2"],
        "train_test_split": ["1 0", "2 1", "3 0"],
        "classes": ["1 001.Black_footed_Albatross", "2 002.Laysan_Albatross"],
    }
    for name, lines in tables.items():
        write(root / "CUB_200_2011" / f"{name}.txt", "\n".join(lines) + "\n")


def lists(folder: Path, ids: Sequence[str], *, sizes: Sequence[tuple[int, int]], masks: bool = False) -> None:
    """Lists of wsolevaluation; all images of class 0 but the last, of class 1."""
    labels = [0] * (len(ids) - 1) + [1]
    truth = [
        f"{i},{i.rpartition('.')[0]}_m.png,{i.rpartition('.')[0]}_ignore.png" if masks else f"{i},2,1,6,5" for i in ids
    ]
    write(folder / "image_ids.txt", "\n".join(ids))
    write(folder / "class_labels.txt", "\n".join(f"{i},{n}" for i, n in zip(ids, labels, strict=True)))
    write(folder / "image_sizes.txt", "\n".join(f"{i},{w},{h}" for i, (w, h) in zip(ids, sizes, strict=True)))
    write(folder / "localization.txt", "\n".join(truth))


def wsolevaluation(root: Path) -> None:
    ids = ["a/1.png", "b/2.png"]
    for image_id in ids:
        paint(root / "CUB" / image_id, (8, 6))
    lists(root / "metadata" / "CUB" / "test", ids, sizes=[(8, 6), (8, 6)])


def openimages30k(root: Path) -> None:
    """Masks and regions to ignore; the file of sizes is empty, as the published one."""
    ids = ["test/01226z/1.jpg", "test/01226z/2.jpg"]
    for image_id in ids:
        stem = image_id.removesuffix(".jpg")
        paint(root / "OpenImages" / image_id, (8, 6))
        rectangle(root / "OpenImages" / f"{stem}_m.png", (8, 6), BOX)
        rectangle(root / "OpenImages" / f"{stem}_ignore.png", (8, 6), (0, 0, 8, 2))
    lists(root / "metadata" / "OpenImages" / "test", ids, sizes=[(8, 6), (8, 6)], masks=True)
    write(root / "metadata" / "OpenImages" / "test" / "image_sizes.txt", "")


def inatloc500(root: Path) -> None:
    """The second size is swapped, as half of the published ones."""
    ids = ["1/a.jpg", "2/b.jpg"]
    for image_id in ids:
        paint(root / "iNatLoc500" / image_id, (8, 6))
    lists(root / "metadata" / "iNatLoc500" / "test", ids, sizes=[(8, 6), (6, 8)])


SIZES_V2 = [(8, 6), (9, 7), (9, 7), (10, 8)]  # of class 0; the second and third can't be told apart


def imagenetv2(root: Path, *, hashed: bool = False, sizes: Sequence[tuple[int, int]] = SIZES_V2) -> None:
    """Four images of class 0 and one of class 10, under the old names or under hashes."""
    sizes = [*sizes, (8, 6)]
    ids = [f"val2/0/{n}.jpeg" for n in range(4)] + ["val2/10/0.jpeg"]
    for n, (image_id, size) in enumerate(zip(ids, sizes, strict=True)):
        _, label, name = image_id.split("/")
        file = f"{(n * 7919) % 97:02x}ab.jpeg" if hashed else name
        paint(root / "imagenetv2-threshold0.7-format-val" / label / file, size)
    lists(root / "metadata" / "ILSVRC" / "val", ids, sizes=sizes)
    write(root / "metadata" / "ILSVRC" / "val" / "class_labels.txt", "\n".join(f"{i},{i.split('/')[1]}" for i in ids))


def imagenetv2_hashed(root: Path) -> None:
    """All sizes of a class differ, so that every name can be recovered."""
    imagenetv2(root, hashed=True, sizes=[(8, 6), (9, 7), (7, 9), (10, 8)])


def voc_xml(*objects: tuple[str, tuple[int, int, int, int], int]) -> str:
    inner = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for name, (x0, y0, x1, y1), difficult in objects
    )
    return f"<annotation><size><width>8</width><height>6</height><depth>3</depth></size>{inner}</annotation>"


def voc(root: Path) -> None:
    """1 has a cat and a dog, 2 a difficult cat and a plain one, 3 is of the training list."""
    base = root / "VOCdevkit" / "VOC2012"
    cat, dog = ("cat", (3, 2, 6, 5), 0), ("dog", (1, 1, 2, 6), 0)
    for stem, objects in {"1": [cat, dog], "2": [cat, ("cat", (1, 1, 8, 6), 1)], "3": [dog]}.items():
        paint(base / "JPEGImages" / f"{stem}.jpg", (8, 6))
        write(base / "Annotations" / f"{stem}.xml", voc_xml(*objects))
    write(base / "ImageSets" / "Main" / "val.txt", "1\n2\n")
    write(base / "ImageSets" / "Main" / "train.txt", "3\n")
    write(base / "ImageSets" / "Main" / "cat_val.txt", "1 1\n2 1\n")
    indexed(base / "SegmentationClass" / "1.png", levels(0, 8, border=255))


def coco(root: Path) -> None:
    """Two images; instances of val and of train, and captions, as the 2017 download has them."""
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 8, "height": 6} for n in (1, 2)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": [2, 1, 4, 4], "segmentation": [[2, 1, 6, 1, 6, 5, 2, 5]]}
            for n, (i, c) in enumerate([(1, 18), (1, 17), (2, 17)])
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
    }
    for split in ("train", "val"):
        write(root / "annotations" / f"instances_{split}2017.json", json.dumps(content))
        write(root / "annotations" / f"captions_{split}2017.json", json.dumps({**content, "annotations": []}))
        for n in (1, 2):
            paint(root / f"{split}2017" / f"{n}.jpg", (8, 6))


def yolo(root: Path) -> None:
    """1 has a dog as a box, 2 a cat as a polygon, 3 nothing."""
    for n in (1, 2, 3):
        paint(root / "images" / "val" / f"{n}.jpg", (8, 6))
    write(root / "labels" / "val" / "1.txt", f"1 {4 / 8} {3 / 6} {4 / 8} {4 / 6}\n")
    write(root / "labels" / "val" / "2.txt", f"0 {2 / 8} {1 / 6} {6 / 8} {1 / 6} {6 / 8} {5 / 6} {2 / 8} {5 / 6}\n")
    write(root / "labels" / "val" / "3.txt", "")
    write(root / "data.yaml", "path: .\nval: images/val\nnames: {0: cat, 1: dog}\n")


def yolo_roboflow(root: Path) -> None:
    """The folders the other way around."""
    paint(root / "valid" / "images" / "1.jpg", (8, 6))
    write(root / "valid" / "labels" / "1.txt", f"0 {4 / 8} {3 / 6} {4 / 8} {4 / 6}\n")
    write(root / "data.yaml", "names: [cat]\nnc: 1\n")


def labelme_file(name: str, *shapes: tuple[str, str, list[list[float]]]) -> str:
    made = [{"label": label, "points": points, "shape_type": kind, "flags": {}} for label, kind, points in shapes]
    facts = {"version": "5.0", "imagePath": f"..\\pictures\\{name}", "imageData": None}
    return json.dumps({**facts, "imageWidth": 8, "imageHeight": 6, "shapes": made})


def labelme(root: Path) -> None:
    """1 has a cat as a polygon and a dog as a rectangle; a line counts for nothing."""
    polygon = [[2, 1], [6, 1], [6, 5], [2, 5]]
    shapes = [("cat", "polygon", polygon), ("dog", "rectangle", [[8, 6], [0, 4]]), ("dog", "line", [[0, 0], [1, 1]])]
    for n, of_image in ((1, shapes), (2, shapes[:1])):
        paint(root / f"{n}.jpg", (8, 6))
        write(root / f"{n}.json", labelme_file(f"{n}.jpg", *of_image))


def pets(root: Path) -> None:
    for n, stem in enumerate(("Abyssinian_1", "Bengal_2", "Bengal_3"), start=1):
        paint(root / "images" / f"{stem}.jpg", (8, 6))
        indexed(root / "annotations" / "trimaps" / f"{stem}.png", levels(2, 1, border=3))
        write(root / "annotations" / "xmls" / f"{stem}.xml", voc_xml(("cat", (3, 2, 4, 3), 0))) if n < 3 else None
    write(root / "annotations" / "test.txt", "Abyssinian_1 1 1 1\nBengal_2 2 1 2\n")
    write(root / "annotations" / "trainval.txt", "#Image CLASS-ID SPECIES BREED\nAbyssinian_1 1 1 1\nBengal_3 2 1 2\n")


def imagenet_s(root: Path) -> None:
    """Classes 1 and 2; levels are R + 256 G, and 1000 is ignored."""
    for place, wnid in enumerate((TENCH, "n01443537"), start=1):
        paint(root / "ImageNetS" / "validation" / wnid / "1.JPEG", (8, 6))
        values = levels(0, place, border=1000)
        color = np.stack([values % 256, values // 256, values * 0], -1).astype(np.uint8)
        file = root / "ImageNetS" / "validation-segmentation" / wnid / "1.png"
        file.parent.mkdir(parents=True)
        PIL.Image.fromarray(color).save(file)


def places(root: Path) -> None:
    for n in (1, 2):
        paint(root / "val_256" / f"Places365_val_{n:08d}.jpg", (8, 6))
    write(root / "places365_val.txt", "Places365_val_00000001.jpg 1\nPlaces365_val_00000002.jpg 0\n")
    write(root / "categories_places365.txt", "/a/airfield 0\n/a/apartment_building/outdoor 1\n")


def folder(root: Path) -> None:
    for n in (1, 2):
        paint(root / "images" / f"{n}.png", (8, 6))
    write(root / "boxes.csv", "image_id,label,x0,y0,x1,y1\n1.png,cat,2,1,6,5\n2.png,dog,0,0,8,6\n")


def table_rows() -> dict[str, list[object]]:
    """Two images: a cat and a dog in the first, a dog in the second."""
    import io

    contents = []
    for n in (1, 2):
        file = io.BytesIO()
        PIL.Image.fromarray(np.random.default_rng(n).integers(0, 256, (6, 8, 3), np.uint8)).save(file, "PNG")
        contents.append({"bytes": file.getvalue(), "path": f"{n}.png"})
    objects = [
        {"bbox": [[2.0, 1.0, 4.0, 4.0], [0.0, 0.0, 8.0, 2.0]], "category": [0, 1]},
        {"bbox": [[0.0, 0.0, 8.0, 6.0]], "category": [1]},
    ]
    return {"image": contents, "objects": objects}


FEATURES = {
    "image": {"_type": "Image"},
    "objects": {"feature": {"bbox": {}, "category": {"names": ["cat", "dog"], "_type": "ClassLabel"}}, "_type": "List"},
}


def table():
    import pyarrow as pa

    made = pa.table(table_rows())
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})


def parquet(root: Path) -> None:
    import pyarrow.parquet as pq

    (root / "data").mkdir(parents=True)
    for split in ("train", "validation"):
        pq.write_table(table(), root / "data" / f"{split}-00000-of-00001.parquet", row_group_size=1)


def arrow(root: Path) -> None:
    """As `datasets.Dataset.save_to_disk` leaves it."""
    import pyarrow as pa

    root.mkdir(parents=True)
    made = table()
    with pa.OSFile(str(root / "data-00000-of-00001.arrow"), "wb") as sink, pa.ipc.new_stream(sink, made.schema) as out:
        out.write_table(made)
    write(root / "state.json", "{}")


def class_folders(root: Path) -> None:
    """Two classes, without boxes."""
    for name in ("cats", "dogs"):
        paint(root / name / "a.jpg", (8, 6))


TREES: dict[str, tuple[str, Callable[[Path], None]]] = {  # by name: the reader that must be guessed, and who writes it
    **{f"imagenet-{name}": ("imagenet", writer) for name, writer in LAYOUTS.items()},
    "imagenetv2": ("imagenetv2", imagenetv2),
    "imagenetv2-hashed": ("imagenetv2", imagenetv2_hashed),
    "cub": ("cub", cub),
    "wsolevaluation": ("wsolevaluation", wsolevaluation),
    "openimages30k": ("wsolevaluation", openimages30k),
    "inatloc500": ("inatloc500", inatloc500),
    "voc": ("voc", voc),
    "coco": ("coco", coco),
    "yolo": ("yolo", yolo),
    "yolo-roboflow": ("yolo", yolo_roboflow),
    "labelme": ("labelme", labelme),
    "pets": ("pets", pets),
    "imagenet_s": ("imagenet_s", imagenet_s),
    "places": ("places", places),
    "folder": ("folder", folder),
    "class_folders": ("class_folders", class_folders),
    "parquet": ("parquet", parquet),
    "arrow": ("parquet", arrow),
}
__all__ = ["BOX", "TREES", "xml"]
