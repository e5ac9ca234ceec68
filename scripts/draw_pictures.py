"""Draw the pictures of the documentation into `docs/pictures/`, from the embedded images and networks alone.

    python scripts/draw_pictures.py                     # all of them, some minutes
    python scripts/draw_pictures.py one_knob methods/layercam

`make_pictures.py` photographs the report for the README; this script draws with matplotlib, and needs no browser.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.pictures import canvas  # noqa: E402
from scripts.pictures.layercam import layercam_story  # noqa: E402
from scripts.pictures.methods import figure_of, images_figure  # noqa: E402
from scripts.pictures.protocols import every_protocol, one_knob, threshold_to_box, why_v2_counts_many_boxes  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
METHODS = ROOT / "wsol" / "methods"


def figures() -> dict[str, Callable[[], Any]]:
    """By file, what draws it."""
    stems = sorted(file.stem for file in METHODS.glob("[!_]*.py"))  # the package's own, and no plug-in's
    of_methods = {f"methods/{key}.jpg": partial(figure_of, key) for key in stems}
    return {
        "images.jpg": images_figure,
        "layercam_story.jpg": layercam_story,
        "threshold_to_box.jpg": threshold_to_box,
        "every_protocol.jpg": every_protocol,
        "why_v2_counts_many_boxes.jpg": why_v2_counts_many_boxes,
        "one_knob.png": one_knob,
        **of_methods,
    }


def draw(name: str, place: Path) -> Path:
    """Draw one picture; returns its file."""
    import matplotlib as mpl

    with mpl.rc_context(canvas.STYLE_HERE):
        canvas.save(figures()[name](), place)
    return place


def main() -> int:
    """Draw the pictures that are asked for, or all; print their names and sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of pictures, without the ending (default: all)")
    parser.add_argument("--out", type=Path, default=PICTURES)
    chosen = parser.parse_args()
    known = {name.rpartition(".")[0]: name for name in figures()}
    for name in chosen.names or known:
        if name not in known:
            parser.error(f"there is no picture {name!r}; choose among {', '.join(known)}")
        file = draw(known[name], chosen.out / known[name])
        print(f"{file} {file.stat().st_size} bytes", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
