"""`wsol explain`: heat maps and boxes on images, and the raw maps."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from wsol.cli.options import Command, number
from wsol.errors import ConfigError, OutputError, RowsFailed
from wsol.options import ShareBelowOne, WholeNumber
from wsol.settings.words import is_setting

OTHERWISE = "choose another folder with -o DIR"
DESCRIPTION = """Draw heat maps, ground-truth boxes (dashed) and predicted boxes (solid).

An IMAGE is a file, or an image id of the dataset; files show the predicted class unless --label says otherwise.
Everything else is chosen as for `wsol run`:

  wsol explain photo.jpg model=resnet50 method=[gradcam,layercam] -o heat/
  wsol explain test/00003 test/00007 dataset=shapes model=shapes_gap -o heat/
"""


def main(words: Sequence[str]) -> int:
    """Write PNGs and one npz; print their names."""
    parser = Command("explain", DESCRIPTION, overrides=True)
    parser.add_argument("words", nargs="+", metavar="IMAGE|OVERRIDE")
    parser.add_argument("-o", "--out", default="explained", help="folder for the pictures (default: explained)")
    parser.add_argument(
        "--label",
        type=number(WholeNumber),
        help="class index to explain (default: ground truth, else the prediction)",
    )
    parser.add_argument(
        "--tau",
        type=number(ShareBelowOne),
        help="share of the maximum (default: 0.15, of gradcam2017; other protocols: theirs, else 0.2)",
    )
    parser.add_argument("--model", help="same as model=...")
    parser.set_defaults(overrides=[])
    given = parser.read(words)
    overrides = [*given.overrides, *filter(is_setting, given.words)]
    images = [word for word in given.words if word not in overrides]
    if given.model:
        overrides.append(f"model={given.model}")
    if not images:
        raise ConfigError("no image given: wsol explain photo.jpg model=resnet50, or an image id of the dataset")
    if not any(word.startswith("protocol=") for word in overrides):
        overrides.append("protocol=[gradcam2017]")
    with redirect_stdout(sys.stderr):  # what a network or another library prints is not an answer
        files, failed = explain(images, overrides, Path(given.out), label=given.label, tau=given.tau)
    for file in files:
        print(file)
    if failed:
        raise RowsFailed(f"{len(failed)} maps are missing, first {failed[0]}; all others are drawn")
    return 0


def explain(
    images: Sequence[str], overrides: Sequence[str], out: Path, *, label: int | None, tau: float | None
) -> tuple[list[Path], list[str]]:
    """Pictures of every chosen variant for every image; returns the files written, and a line for each that failed."""
    import numpy as np

    from wsol.api.explained import chosen_by, maps_of, open_image_named, picture_of
    from wsol.report.figures.overlay import sheet
    from wsol.runs.write import write_whole

    chosen = chosen_by(overrides, tau=tau, with_data=any(not Path(image).is_file() for image in images))
    save = partial(write_whole, otherwise=OTHERWISE)
    try:
        out.mkdir(parents=True, exist_ok=True)  # now, and not when all is computed
    except OSError as error:
        raise OutputError(f"can't write to {out}: {error.strerror}; {OTHERWISE}") from error
    written, arrays, failed = [], {}, []
    for name, slug in zip(images, _slugs(images), strict=True):
        image, sample = open_image_named(name, chosen.data)
        pictures = []
        for variant, item, failure in maps_of(name, image, sample, chosen, label=label):
            if failure:
                failed.append(f"{variant.id} on {name}: {failure}")
                continue
            arrays[f"{_member(name)}/{variant.id}"] = item.raw
            pictures.append(picture_of(image, variant, item, chosen))
            written.append(out / f"{slug}--{_slug(variant.id)}.png")
            save(written[-1], pictures[-1].save)
        if pictures:
            written.append(out / f"{slug}.png")
            save(written[-1], sheet(pictures).save)
    if arrays:
        written.append(out / "maps.npz")
        save(written[-1], lambda beside: np.savez_compressed(beside, **arrays))  # type: ignore[arg-type]
    return written, failed


def _slugs(names: Sequence[str]) -> list[str]:
    """File names for images; those that would be equal are counted."""
    slugs: list[str] = []
    for name in names:
        slug, n = _slug(name), 2
        while slug in slugs:
            slug, n = f"{_slug(name)}-{n}", n + 1
        slugs.append(slug)
    return slugs


def _member(name: str) -> str:
    """An image's name as that of an archive's member, which stays in the folder that it is unpacked in."""
    parts = [part for part in Path(name).parts if part != ".." and part != Path(name).anchor]
    return "/".join(parts)


def _slug(name: str) -> str:
    return re.sub(r"[^\w.+=@-]+", "_", name).strip("_.")
