"""Rehearse a run at full size: ImageNet val and CUB in their official layouts, with drawn images.

    python scripts/rehearse_datasets.py [--n 50000] [--folder DIR]

Writes both trees at a tenth of their size and at full size (at most `n` images each), points `wsol run dataset=PATH` at
each, kills it with SIGKILL once its first rows are written, starts the same command again, and checks that it computes
only what is missing, prints its table and has a row per image and variant. Prints, as Markdown: seconds until the first
rows, seconds and processor time of the second command, its peak memory, and the disk space of images and rows. What
memory and rows grow by per image is the difference between the two sizes.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq

from wsol.datasets.labels import wnids
from wsol.runs.folder import RunFolder

IMAGENET, CUB = 50_000, 5_794  # images of the real sets
SIZE_WH = (80, 60)
PATTERNS = 64  # different drawings; a comment makes each file's content its own
NETWORK = "model=shufflenet_v2_x0_5[weights=random,input_size=64{classes}]"
CHOSEN = ["method=[cam,centerbox]", "metric=[]", "protocol=[choe2020_v2]", "engine.device=cpu"]
VARIANTS = 2
LONGEST = 6 * 3600  # seconds of one run


@dataclass(frozen=True)
class Measured:
    """What a set took."""

    name: str
    images: int
    start_s: float  # until the first rows are there
    resumed_s: float  # the second command, to its end
    processor_s: float  # of the second command
    peak_bytes: int  # of the second command
    rows_bytes: int
    tree_bytes: int  # images and annotations


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=IMAGENET, help="images per set, at most those of the real one")
    parser.add_argument("--folder", type=Path, help="where the trees are written and kept; else a temporary folder")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        pairs = []
        for name, write, most, classes in (("imagenet", imagenet, IMAGENET, 1000), ("cub", cub, CUB, 200)):
            pair = []
            for count in (min(given.n, most) // 10, min(given.n, most)):
                root = folder / f"{name}-{count}"
                if not root.exists():
                    print(f"writing {count} images of {name} to {root}", file=sys.stderr, flush=True)
                    write(root, count)
                pair.append(rehearse(name, root, folder / f"runs-{name}-{count}", count, classes))
                print(pair[-1], file=sys.stderr, flush=True)
            pairs.append((pair[0], pair[1]))
    print(
        "| data set | images | first rows | second command | its processor time | peak memory | rows | images on disk |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for one in (one for pair in pairs for one in pair):
        times = f"{one.start_s:.0f} s | {one.resumed_s:.0f} s | {one.processor_s:.0f} s"
        sizes = " | ".join(f"{size / 1e6:.1f} MB" for size in (one.peak_bytes, one.rows_bytes, one.tree_bytes))
        print(f"| {one.name} | {one.images:,} | {times} | {sizes} |")
    for few, many in pairs:
        further = many.images - few.images
        memory, disk = (many.peak_bytes - few.peak_bytes) / further, (many.rows_bytes - few.rows_bytes) / further
        print(f"\n{many.name}: {memory / 1e3:.1f} kB of memory and {disk:.0f} bytes of rows per further image")
    return 0


def rehearse(name: str, root: Path, runs: Path, count: int, classes: int) -> Measured:
    """Start, kill, resume and check one set. Raises AssertionError where anything is not as it should be."""
    network = NETWORK.format(classes="" if classes == 1000 else f",num_classes={classes}")
    shard = f"engine.shard_size={max(1, min(1000, count // 5))}"
    command = [sys.executable, "-m", "wsol", "run", f"dataset={root}", network, *CHOSEN, shard, f"paths.runs={runs}"]
    before, started = rows(runs), time.monotonic()
    assert not before, f"{runs} has rows already; remove it"
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while not rows(runs):
        assert first.poll() is None, f"{' '.join(command)} ended before it could be killed: give a larger --n"
        assert time.monotonic() - started < LONGEST
        time.sleep(0.05)
    start_s = time.monotonic() - started
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = len(image_ids(rows(runs)))
    started = time.monotonic()
    second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert second.stdout is not None
    printed = second.stdout.read()
    _, status, usage = os.wait4(second.pid, 0)
    resumed_s = time.monotonic() - started
    assert os.waitstatus_to_exitcode(status) == 0, printed
    assert f"is read as {name}" in printed, printed
    assert f": 0/{count - kept} images" in printed, f"of {count} images {kept} had rows\n{printed}"
    assert f"({count} images)" in printed, printed
    (run,) = (folder.parent for folder in runs.rglob("rows") if folder.is_dir())
    tables = RunFolder(run).tables()
    assert len(tables) == VARIANTS, sorted(tables)
    for variant, table in tables.items():
        assert table.num_rows == len(image_ids(rows(runs))) == count, f"{table.num_rows} rows of {variant}"
    return Measured(
        name=name,
        images=count,
        start_s=start_s,
        resumed_s=resumed_s,
        processor_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        rows_bytes=sum(file.stat().st_size for file in rows(runs)),
        tree_bytes=sum(file.stat().st_size for file in root.rglob("*") if file.is_file()),
    )


def image_ids(files: Sequence[Path]) -> set[str]:
    """The images that have rows in these files."""
    return {name for file in files for name in pq.read_table(file, columns=["image_id"])["image_id"].to_pylist()}


def rows(runs: Path) -> list[Path]:
    """The files of rows below a folder of runs."""
    return sorted(file for file in runs.rglob("rows/*.parquet") if not file.name.startswith("."))


def imagenet(root: Path, count: int) -> None:
    """Both official archives unpacked: images in folders of WordNet ids, boxes as XML."""
    names, images = list(wnids()), drawn()
    boxes = root / "ILSVRC2012_bbox_val_v3" / "val"
    boxes.mkdir(parents=True)
    width, height = SIZE_WH
    for number in range(1, count + 1):
        wnid, stem = names[number * 7919 % len(names)], f"ILSVRC2012_val_{number:08d}"
        folder = root / "val" / wnid
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.JPEG").write_bytes(images[number % PATTERNS] + number.to_bytes(4, "big"))
        x0, y0 = number % (width // 2), number % (height // 2)
        corners = {"xmin": x0, "ymin": y0, "xmax": x0 + width // 2 - 1, "ymax": y0 + height // 2 - 1}
        bounds = "".join(f"<{corner}>{value}</{corner}>" for corner, value in corners.items())
        size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
        one = f"<object><name>{wnid}</name><bndbox>{bounds}</bndbox></object>"
        (boxes / f"{stem}.xml").write_text(f"<annotation><filename>{stem}</filename>{size}{one}</annotation>")


def cub(root: Path, count: int) -> None:
    """CUB_200_2011 as unpacked, half of it the training split, of whose images nobody needs the files."""
    images = drawn()
    tables: dict[str, list[str]] = {
        name: [] for name in ("images", "image_class_labels", "train_test_split", "bounding_boxes")
    }
    for number in range(1, 2 * count + 1):
        label, train = number * 7919 % 200 + 1, number % 2
        name = f"{label:03d}.Bird_{label}/Bird_{label}_{number:05d}.jpg"
        tables["images"].append(f"{number} {name}")
        tables["image_class_labels"].append(f"{number} {label}")
        tables["train_test_split"].append(f"{number} {train}")
        tables["bounding_boxes"].append(f"{number} {number % 30}.0 {number % 20}.0 40.0 30.0")
        if not train:
            file = root / "images" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(images[number % PATTERNS] + number.to_bytes(4, "big"))
    tables["classes"] = [f"{label} {label:03d}.Bird_{label}" for label in range(1, 201)]
    for name, lines in tables.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")


def drawn() -> list[bytes]:
    """JPEG files of random blobs."""
    draw = np.random.default_rng(0)
    files = []
    for _ in range(PATTERNS):
        coarse = PIL.Image.fromarray(draw.integers(0, 256, (6, 8, 3), np.uint8))
        file = io.BytesIO()
        coarse.resize(SIZE_WH, PIL.Image.Resampling.BICUBIC).save(file, "JPEG")
        files.append(file.getvalue())
    return files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
