"""Train by several techniques and seeds, evaluate each network, and write one table beside its controls.

    python scripts/train_table.py shapes         twelve trainings on the embedded set, results/shapes_training.*
    python scripts/train_table.py cub_open       one on the real CUB images of ../shared, results/cub_training.*
    python scripts/train_table.py shapes --words recipe.epochs=1 dataset.n=20 --out /tmp/results      a rehearsal

Trainings and rows stay in OUT/runs/LIST, so the same command again does only what is missing. Real images need
../shared (or WSOL_SHARED); without it the list is skipped. Only numbers are written, no pixels.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsol.cli import main as wsol
from wsol.methods._base import methods
from wsol.models.trained import read_record

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("WSOL_SHARED", ROOT.parent / "shared"))
CONTROLS = ("centergauss", "fullbox")
COLUMNS = {  # measure to column; thresholds: the best on the test images, and the val split's where there is one
    ("choe2020_v1", "maxboxacc"): "MaxBoxAcc V1",
    ("choe2020_v2", "maxboxacc_v2"): "MaxBoxAcc V2",
    ("classification", "top1_cls"): "Top-1 Cls",
}


@dataclass(frozen=True)
class Plan:
    """A list of trainings: (technique, seed), what all of them are trained with, and how each is evaluated."""

    name: str
    title: str
    about: str
    trainings: tuple[tuple[str, int], ...]
    train: tuple[str, ...]
    run: tuple[str, ...]
    needs_shared: bool = False


SEEDS = (0, 1, 2)
PLANS = {
    "shapes": Plan(
        name="shapes_training",
        title="Training techniques on the embedded set",
        about="Six techniques on the embedded set: `recipe=shapes`, `model=shapes_vgg_gap`, which starts from the "
        "convolutions of `shapes_vgg`. CAM, HaS and CutMix with three seeds, the others with one.",
        trainings=(*((t, s) for s in SEEDS for t in ("cam", "has", "cutmix")), ("acol", 0), ("adl", 0), ("spg", 0)),
        train=("recipe=shapes", "dataset=shapes", "model=shapes_vgg_gap"),
        run=("dataset=shapes", "tau_from=[oracle,val]"),
    ),
    "cub_open": Plan(
        name="cub_training",
        title="CAM on real CUB images, from training to table",
        about="MobileNetV2 on the first five classes of CUB-200-2011: 150 real images to train on, 132 to test, by "
        "`recipe=finetune` with all images of the train split. Too few for conclusions; it shows the way end to end.",
        trainings=(("cam", 0),),
        train=(
            *("recipe=finetune", "model=mobilenet_v2", "recipe.check=none", "recipe.cache=true"),
            "recipe.epochs=10",
            f"model.weights={SHARED}/data/weights/mobilenet_v2.pth",
        ),
        run=(),
        needs_shared=True,
    ),
}


@dataclass
class Line:
    """What came of one variant of one training."""

    technique: str
    seed: int
    variant: str
    numbers: dict[str, tuple[float, float | None, float | None]] = field(default_factory=dict)
    accuracy: float | None = None
    seconds: float = 0.0
    train_seconds: float | None = None


def main() -> int:
    args = _arguments()
    plan = PLANS[args.list]
    if plan.needs_shared and not (SHARED / "data" / "cub_open").is_dir():
        print(f"{SHARED}/data/cub_open is not here: set WSOL_SHARED; {plan.name} is left as it is", file=sys.stderr)
        return 0
    folder = args.out / "runs" / args.list
    data = prepared_cub(folder) if plan.needs_shared else ()
    lines = [
        line
        for technique, seed in plan.trainings
        for line in evaluated(plan, technique, seed, folder, data, args.words)
    ]
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / f"{plan.name}.md").write_text(markdown(plan, lines), encoding="utf-8")
    with (args.out / f"{plan.name}.csv").open("w", newline="", encoding="utf-8") as file:
        write_csv(lines, file)
    print(args.out / f"{plan.name}.md")
    return 0


def evaluated(
    plan: Plan, technique: str, seed: int, folder: Path, data: Sequence[str], words: Sequence[str]
) -> Iterator[Line]:
    """Train and evaluate once; a line for each map, controls with the first training only."""
    out = folder / f"{technique}-{seed}"
    chosen = [*plan.train, *data, f"technique={technique}", f"seed={seed}", *words]
    command("train", *chosen, f"out={out}")
    maps = ["cam", *([technique] if technique != "cam" and technique in methods else [])]
    controls = CONTROLS if (technique, seed) == plan.trainings[0] else ()
    runs = ["--runs", str(out / "rows")]
    of_data = [word for word in words if word.startswith("dataset.")]
    run = [*plan.run, *data, *of_data, f"model={out}", f"method=[{','.join([*maps, *controls])}]"]
    command("run", *run, "protocol=[choe2020_v1,choe2020_v2]", "metric=[]", "gallery=0", "table=false", *runs)
    taus = ["--tau", "oracle,val"] if any("tau_from" in word for word in plan.run) else []
    rows = json.loads(command("table", "latest", "--json", "--all", *taus, *runs))
    record = read_record(out)
    assert record is not None
    for variant in dict.fromkeys(row["variant"] for row in rows):
        line = Line(technique, seed, variant, accuracy=record.accuracy, train_seconds=seconds_of(out))
        for row in rows:
            if row["variant"] in (variant, "") and (name := column_of(row)) is not None:
                line.numbers[name] = (row["value"], row["low"], row["high"])
        yield line


def column_of(row: dict[str, object]) -> str | None:
    """The column of a number, None for one that is not shown."""
    name = COLUMNS.get((str(row["protocol"] or ""), str(row["metric"])))
    held_out = row.get("tau_from") not in (None, "", "best on these images")
    return f"{name}, threshold of val" if name and held_out else name


def seconds_of(out: Path) -> float:
    """How long the epochs took, by the log."""
    with (out / "log.csv").open() as file:
        return sum(float(row["seconds"]) for row in csv.DictReader(file))


def command(*words: str) -> str:
    """What `wsol` prints. Raises SystemExit where it fails."""
    print("wsol", *words, file=sys.stderr)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = wsol([*words])
    if code:
        raise SystemExit(code)
    return printed.getvalue()


def prepared_cub(folder: Path) -> tuple[str, ...]:
    """The lists of wsolevaluation for the 282 images, made of their index; the overrides that read them."""
    source = SHARED / "data" / "cub_open"
    lists = folder / "metadata"
    with (source / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for split in ("train", "test"):
        place = lists / split
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        mine = sorted((row for row in rows if row["split"] == split), key=lambda row: row["file"])
        texts = {
            "image_ids.txt": [row["file"] for row in mine],
            "class_labels.txt": [f"{row['file']},{row['class_index']}" for row in mine],
            "image_sizes.txt": [f"{row['file']},{row['width']},{row['height']}" for row in mine],
            "localization.txt": [f"{row['file']},{box_of(row)}" for row in mine],
        }
        for name, lines in texts.items():
            (place / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return (
        "dataset=wsolevaluation",
        f"dataset.images={source / 'images'}",
        f"dataset.metadata={lists / 'test'}",
        "dataset.called=cub_open",
    )


def box_of(row: dict[str, str]) -> str:
    """A box as wsolevaluation's lists of CUB have it: x, y, x + w, y + h, within the image's last pixels."""
    width, height = int(row["width"]), int(row["height"])
    x1, y1 = min(float(row["x1"]), width - 1), min(float(row["y1"]), height - 1)
    return f"{float(row['x0']):g},{float(row['y0']):g},{x1:g},{y1:g}"


def markdown(plan: Plan, lines: Sequence[Line]) -> str:
    """The table, a line per training and map, and means over seeds."""
    names = list(dict.fromkeys(name for line in lines for name in line.numbers))
    text = [f"# {plan.title}", "", plan.about, "", "Percentages with 95 % intervals over images.", ""]
    text += [row("technique", "seed", "map", *names, "val accuracy", "epochs, s"), row(*["---"] * (len(names) + 5))]
    for line in lines:
        control = line.variant in CONTROLS
        shown = [interval(line.numbers.get(name)) for name in names if not control or name != "Top-1 Cls"]
        shown += [""] * (len(names) - len(shown))
        own = ("control", "") if control else (line.technique, str(line.seed))
        accuracy = "" if control or line.accuracy is None else f"{line.accuracy:.1f}"
        seconds = "" if control or line.train_seconds is None else f"{line.train_seconds:.0f}"
        text.append(row(*own, line.variant, *shown, accuracy, seconds))
    text += over_seeds(lines, names)
    made = time.strftime("%Y-%m-%d")
    return "\n".join([*text, "", f"Made by `python scripts/train_table.py` on {made}, {os.cpu_count()} cores.", ""])


def over_seeds(lines: Sequence[Line], names: Sequence[str]) -> list[str]:
    """Mean and standard deviation over the seeds of a technique, where there are several."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if line.variant not in CONTROLS:
            groups.setdefault((line.technique, line.variant), []).append(line)
    several = {key: group for key, group in groups.items() if len(group) > 1}
    if not several:
        return []
    text = ["", "Mean and standard deviation over seeds:", "", row("technique", "map", "seeds", *names)]
    text.append(row(*["---"] * (len(names) + 3)))
    for (technique, variant), group in several.items():
        cells = []
        for name in names:
            values = [line.numbers[name][0] for line in group if name in line.numbers]
            cells.append(f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}" if len(values) > 1 else "")
        text.append(row(technique, variant, str(len(group)), *cells))
    return text


def interval(number: tuple[float, float | None, float | None] | None) -> str:
    if number is None:
        return ""
    value, low, high = number
    return f"{value:.1f}" if low is None or high is None else f"{value:.1f} [{low:.1f}, {high:.1f}]"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def write_csv(lines: Sequence[Line], file: io.TextIOBase | object) -> None:
    """A line per number, with its interval."""
    writer = csv.writer(file)  # type: ignore[arg-type]
    writer.writerow(["technique", "seed", "variant", "measure", "value", "low", "high"])
    for line in lines:
        control = line.variant in CONTROLS
        for name, number in line.numbers.items():
            who = ("control", "") if control else (line.technique, line.seed)
            writer.writerow([*who, line.variant, name, *("" if n is None else f"{n:.4f}" for n in number)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", choices=PLANS)
    parser.add_argument("--out", type=Path, default=ROOT / "results")
    parser.add_argument("--words", nargs="*", default=[], help="further overrides of all trainings, for a rehearsal")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
