"""Pictures for the README: the report of a run on the drawn images, photographed in a headless Chromium.

    python scripts/make_pictures.py                     # runs experiment=demo first
    python scripts/make_pictures.py RUN [--out results/pictures]

Nothing but the shapes set may be shown: a run on other data is refused. Needs Chromium (apt-get install chromium).
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.report.page.chromium import Chromium, find  # noqa: E402
from wsol.cli import main as wsol  # noqa: E402
from wsol.report.numbers.report_data import ReportData  # noqa: E402
from wsol.report.page.html import render_page  # noqa: E402
from wsol.runs import gallery  # noqa: E402
from wsol.runs.find import open_run  # noqa: E402
from wsol.runs.folder import RunFolder  # noqa: E402

LIMIT = 300_000  # bytes of a picture: a README must load fast
WIDTH = 1300


def table(browser: Chromium) -> None:
    """The head of the page and its table."""
    browser.run("scrollTo(0, 0)")


def plots(browser: Chromium) -> None:
    """The plots."""
    browser.run("document.querySelector('#plots').scrollIntoView()")


def cards(browser: Chromium) -> None:
    """The gallery, two variants side by side where they differ most, with outlines."""
    browser.choose("#variant-b", str(_second(browser)))
    browser.choose("#order", "apart")
    browser.run("[...document.querySelectorAll('#tools .check')].find(l => l.innerText.includes('outline')).click()")
    browser.run("document.activeElement.blur()")
    browser.run("document.querySelector('#gallery').scrollIntoView()")
    browser.wait("document.querySelectorAll('#cards .card[data-drawn]').length > 5")


def detail(browser: Chromium) -> None:
    """One image with every variant."""
    cards(browser)
    browser.click("#cards .card")
    browser.wait("document.querySelector('#detail .every img')")


def _second(browser: Chromium) -> int:
    """CAM where the run has it: the method everyone knows."""
    ids: list[str] = browser.run("JSON.parse(document.querySelector('#data').textContent).variants.map(v => v.id)")
    return next((n for n, name in enumerate(ids) if name.startswith("cam@")), 1)


SHOTS: dict[str, tuple[Callable[[Chromium], None], int, bool]] = {  # file: what is shown, height, dark
    "report.png": (table, 900, False),
    "report-plots.png": (plots, 900, False),
    "report-gallery.jpg": (cards, 860, False),
    "report-detail.jpg": (detail, 900, True),
}


def main() -> int:
    """Write the pictures; print their names and sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", help="a run folder on the shapes set (default: run experiment=demo)")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "pictures")
    chosen = parser.parse_args()
    runs = ROOT / "results" / "runs"
    if chosen.run is None and wsol(["run", "experiment=demo", f"paths.runs={runs}", "table=false"]):
        return 1
    folder = open_run(chosen.run or "latest", runs)
    if folder.manifest["identity"]["dataset"] != "shapes":
        sys.exit(f"{folder.name} shows other images than the drawn ones; they must not go into the repository")
    binary = find()
    if binary is None:
        sys.exit("no Chromium is installed; get one with: apt-get install chromium")
    chosen.out.mkdir(parents=True, exist_ok=True)
    _sheet(folder, chosen.out / "maps.jpg")
    with tempfile.TemporaryDirectory() as scratch, Chromium(binary, Path(scratch)) as browser:
        file, shot = Path(scratch) / "report.html", Path(scratch) / "shot.png"
        file.write_text(render_page(folder), encoding="utf-8")
        for name, (show, height, dark) in SHOTS.items():
            browser.open(file, width=WIDTH, height=height, dark=dark)
            show(browser)
            time.sleep(1)  # pictures are decoded beside the page's own thread
            browser.picture(shot)
            _save(Image.open(shot).convert("RGB"), chosen.out / name)
    return 0


def _sheet(folder: RunFolder, place: Path) -> None:
    """The figure of maps, small."""
    import matplotlib as mpl

    from wsol.report.figures.map_grid import map_grid
    from wsol.report.figures.style import STYLE

    kept = gallery.read(folder)
    if kept is None:
        return
    with mpl.rc_context(STYLE):
        drawn = io.BytesIO()
        map_grid(kept, ReportData.of(folder)).savefig(drawn, dpi=130)
    _save(Image.open(drawn).convert("RGB"), place)


def _save(picture: Image.Image, place: Path) -> None:
    """As a PNG, or as good a JPEG as the limit allows."""
    for quality in (92, 88, 84, 80, 75):
        file = io.BytesIO()
        kind = {".png": "PNG", ".jpg": "JPEG"}[place.suffix]
        picture.save(file, kind, quality=quality, optimize=True, progressive=True)
        if file.tell() <= LIMIT:
            place.write_bytes(file.getvalue())
            print(f"{place} {file.tell()} bytes")
            return
    sys.exit(f"{place.name} stays above {LIMIT} bytes; make it smaller")


if __name__ == "__main__":
    raise SystemExit(main())
