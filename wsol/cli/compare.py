"""`wsol compare`: two variants on the same images, without torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from wsol.cli.options import Command, number
from wsol.errors import WsolError
from wsol.options import WholeNumber
from wsol.report.tables.render import check_format, write
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

DESCRIPTION = """Compare two variants image by image: differences with intervals, and the images behind them.

  wsol compare gradcam@stage5 layercam@stage5                    of the newest run
  wsol compare gradcam layercam@stage5 --run shapes --metric maxboxacc_v2
  wsol compare RUN_A/gradcam@stage5 RUN_B/gradcam@stage5         of two runs on the same images
"""


def main(words: Sequence[str]) -> int:
    """Print differences, then the images that differ most."""
    parser = Command("compare", DESCRIPTION, reads=True).with_format().with_intervals().with_failed()
    parser.add_argument("a", metavar="A", help="a variant, the beginning of its id, or RUN/variant")
    parser.add_argument("b", metavar="B", help="the variant it is compared with")
    parser.add_argument("--run", default="latest", help="the run of variants that don't name theirs")
    parser.add_argument(
        "--metric", action="append", default=[], help="only METRIC or PROTOCOL/METRIC (may be repeated)"
    )
    parser.add_argument("--protocol", action="append", default=[], help="only this protocol (may be repeated)")
    parser.add_argument("--all", action="store_true", help="every number, not only the main ones")
    parser.add_argument("--top", type=number(WholeNumber), default=10, help="how many images to list")
    parser.add_argument("--by-class", action="store_true", help="resample whole classes")
    chosen = parser.read(words)
    from wsol.report.numbers.choose import Choice
    from wsol.report.numbers.settings import Settings
    from wsol.report.tables.compare import compare_table, compared, image_key, images_table, most_different
    from wsol.report.tables.sides import sides

    check_format(chosen.style)
    found_in = [find(name, chosen.run, chosen.runs) for name in (chosen.a, chosen.b)]
    settings = Settings(n_resamples=chosen.resamples, by_class=chosen.by_class, skip_failed=chosen.skip_failed)
    a, b = sides(found_in[0], found_in[1], settings)
    choice = Choice(metrics=chosen.metric, protocols=chosen.protocol, everything=chosen.all or chosen.style == "json")
    numbers = compared(a, b, choice)
    key = image_key(numbers, a) if chosen.top > 0 else None
    images = most_different(a, b, key, top=chosen.top) if key else []
    if chosen.style == "json":
        answer = {"a": a.name, "b": b.name, "numbers": [number.record() for number in numbers], "images": images}
        print(json.dumps(answer, indent=1))
        return 0
    write(compare_table(numbers, a, b), sys.stdout, style=chosen.style)
    if key:
        print()
        write(images_table(images, key), sys.stdout, style=chosen.style)
    elif chosen.top > 0:
        print("No image stands out: these are numbers of all images together.", file=sys.stderr)
    return 0


def find(name: str, run: str, runs: Path) -> tuple[RunFolder, str]:
    """The run and the variant key of ``variant`` or ``RUN/variant``."""
    from wsol.report.tables.sides import variant_key

    place, slash, variant = name.rpartition("/")
    if slash:
        try:
            folder = open_run(place, runs)
            return folder, variant_key(folder, variant)
        except WsolError:
            if Path(place).exists():
                raise
    folder = open_run(run, runs)
    return folder, variant_key(folder, name)
