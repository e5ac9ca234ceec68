"""Write the tables in results/: run what is missing, print each table as Markdown and CSV, list them in README.md.

Each run's result file, from which the board in docs/board is made, stands beside the first of its tables.

    python scripts/make_results.py                      everything, about an hour and a half on two cores
    python scripts/make_results.py --only shapes_layers --n 20 --out /tmp/results

Tables on real images need ../shared (or WSOL_SHARED); without it they are left as they are. Rows stay in OUT/runs, so
the same command again computes only what is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from wsol.cli import main as wsol
from wsol.environment import versions

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("WSOL_SHARED", ROOT.parent / "shared"))
OPEN = [
    "dataset=wsolevaluation",
    f"dataset.images={SHARED}/data/ilsvrc_open/images",
    f"dataset.metadata={SHARED}/data/ilsvrc_open/metadata",
    "protocol=[choe2020_v1,choe2020_v2]",
    "metric=[rise2018_dataset]",
    "metrics.rise2018_dataset.sample=20",
    "gallery=0",
]


@dataclass(frozen=True)
class Result:
    """One table: its file's name, what it shows, and the commands that make it.

    `limit` is the override that makes it smaller; `real` tables need the real images.
    """

    name: str
    about: str
    run: tuple[str, ...]
    table: tuple[str, ...] = ()
    limit: str = "dataset.n"
    real: bool = False

    @property
    def reproduces(self) -> bool:
        """Whether it compares with published numbers instead of running an experiment."""
        return self.run[0] == "reproduce"

    @property
    def folder(self) -> str:
        """Where its rows are: tables of one experiment share them, and one result file."""
        named = [w.partition("=")[2] for w in self.run if w.startswith(("experiment=", "model="))]
        return "-".join(named) or self.run[-1]


def network(name: str, layers: str, methods: str) -> tuple[str, ...]:
    """Overrides for a network of the real weights; every method that takes layers looks at `layers`."""
    chosen = [m for m in methods.split(",") if m not in ("centergauss", "fullbox", "inputedge")]
    weights = f"model.weights={SHARED}/data/weights/{name}.pth"
    return (*OPEN, f"model={name}", weights, f"method=[{methods}]", *(f"methods.{m}.layers={layers}" for m in chosen))


METHODS = "centergauss,fullbox,inputedge,oraclemap,lafam,randomcam,gradcam,gradcam_pp,xgradcam,hirescam,layercam"
REACHABLE = ("--of-reachable",)
RESULTS = (
    Result(
        "shapes_methods",
        "What `make demo` prints: the embedded images, shapes_gap.",
        ("experiment=demo",),
        REACHABLE,
    ),
    Result(
        "shapes_every_method", "Every method on the same 200 embedded images.", ("experiment=every_method",), REACHABLE
    ),
    Result(
        "shapes_vgg",
        "The methods of one forward and backward pass on the embedded network with a fully connected head.",
        ("model=shapes_vgg", "dataset.n=500", f"method=[{METHODS}]", "metrics.rise2018_dataset.sample=40"),
        REACHABLE,
    ),
    Result("shapes_layers", "Which layer, alone and fused.", ("experiment=ablate_layers",), REACHABLE),
    Result(
        "shapes_layers_v2",
        "MaxBoxAccV2 by layer.",
        ("experiment=ablate_layers",),
        ("--pivot", "layers", "--metric", "maxboxacc_v2"),
    ),
    Result("shapes_gamma", "LayerCAM's gamma.", ("experiment=ablate_gamma",), ("--by", "layers,gamma", *REACHABLE)),
    Result(
        "shapes_fusion",
        "How stages are fused.",
        ("experiment=ablate_fusion",),
        ("--by", "layers,fuse,normalise", *REACHABLE),
    ),
    Result("shapes_threshold", "Fixed thresholds against the best one.", ("experiment=ablate_threshold",)),
    Result("shapes_knobs", "One knob of the 2020 protocol at a time.", ("experiment=knobs",)),
    Result(
        "shapes_sizes",
        "Top-1 Loc by size of the object.",
        ("experiment=demo",),
        ("--slice", "size", "--metric", "top1_loc", "--protocol", "choe2020_v1"),
    ),
    Result(
        "shapes_held_out",
        "The best threshold on all images beside one chosen on the other half.",
        ("experiment=demo",),
        ("--tau", "oracle,split-half", "--metric", "maxboxacc,maxboxacc_v2"),
    ),
    Result(
        "ilsvrc_open_mobilenet_v2",
        "909 real ILSVRC validation images (a subset chosen by others: not ImageNet accuracy), MobileNetV2.",
        network("mobilenet_v2", "[features.13,features.18]", METHODS),
        REACHABLE,
        limit="dataset.limit",
        real=True,
    ),
    Result(
        "ilsvrc_open_squeezenet1_1",
        "909 real ILSVRC validation images (a subset chosen by others: not ImageNet accuracy), SqueezeNet 1.1.",
        network("squeezenet1_1", "[features.7,features.12]", METHODS),
        REACHABLE,
        limit="dataset.limit",
        real=True,
    ),
    Result(
        "ilsvrc_open_reference",
        "Ours beside the reference evaluator on the same 909 images.",
        ("reproduce", "ilsvrc_open"),
        limit="dataset.limit",
        real=True,
    ),
    Result(
        "centre_baseline",
        "The centre baseline of the 2020 protocol on 66,794 images, from sizes and boxes alone.",
        ("reproduce", "centre_baseline"),
        limit="dataset.limit",
        real=True,
    ),
)


FURTHER = {  # what other commands write here
    "shapes_training": "Six training techniques on the embedded set; `python scripts/train_table.py shapes`.",
    "cub_training": "From training to table on real CUB images; `python scripts/train_table.py cub_open`.",
    "audit": "What published numbers allow, and what they don't; `wsol audit --page results/audit.md`.",
    "coverage": "How often our intervals hold the truth; `python scripts/interval_coverage.py`.",
    "ceiling_exceptions": "Maps above the oracle map, 909 images; `python scripts/ceiling_exceptions.py RUN`.",
    "speed": "Our run time beside other libraries' and beside lower bounds; `make bench`.",
    "speed_gpu": "The same on one NVIDIA H200; `make bench-gpu`.",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], help="only these tables (may be repeated)")
    parser.add_argument("--n", type=int, help="images of every table; default: as the experiments say")
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of the tables")
    chosen = parser.parse_args()
    known = {result.name for result in RESULTS}
    if wrong := set(chosen.only) - known:
        parser.error(f"there is no table {sorted(wrong)[0]!r}; known: {', '.join(sorted(known))}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    bad = 0
    for result in RESULTS:
        if chosen.only and result.name not in chosen.only:
            continue
        if result.real and not (SHARED / "data").is_dir():
            print(f"{result.name}: left as it is, {SHARED}/data is not here", file=sys.stderr)
            continue
        print(f"{result.name} ...", file=sys.stderr)
        bad += not make(result, chosen.out, chosen.n)
    write_readme(chosen.out)
    return 1 if bad else 0


def make(result: Result, out: Path, n: int | None) -> bool:
    """Write one table; False where a command failed. A number outside its tolerance is shown in its table instead."""
    started = time.perf_counter()
    places = [f"paths.runs={out / 'runs' / result.folder}"]
    smaller = [f"{result.limit}={n}"] if n else []
    if result.reproduces:
        commands = [["wsol", *result.run, *smaller, *(["--allow-changes"] if n else [])]]
        words = [*commands[0][1:], f"paths.data={data_folder(out)}", *places]
        found = {style: said(*words, "--format", style) for style in ("md", "csv")}
    else:
        commands = [["wsol", "run", *result.run, *smaller], ["wsol", "table", "latest", *result.table]]
        if said(*commands[0][1:], *places, "table=false")[0]:
            return False
        words = [*commands[1][1:], "--runs", str(out / "runs" / result.folder)]
        found = {style: said(*words, "--format", style) for style in ("md", "csv")}
    if any(code == 2 for code, _ in found.values()):
        return False
    shown = [" ".join(command).replace(str(SHARED), "../shared") for command in commands]
    head = [f"# {result.name}", "", result.about, "", "```", *shown, "```", ""]
    head += [f"{environment()} Computed or read in {time.perf_counter() - started:.0f} s.", ""]
    (out / f"{result.name}.md").write_text("\n".join(head) + "\n" + found["md"][1])
    (out / f"{result.name}.csv").write_text(found["csv"][1])
    return result.reproduces or first_of(result.folder) is not result or export(result, out)


def first_of(folder: str) -> Result:
    """The table that the result file of a run stands beside."""
    return next(result for result in RESULTS if result.folder == folder)


def export(result: Result, out: Path) -> bool:
    """Write the result file of a run, with paths as one would type them beside the repository."""
    file = out / f"{result.name}.json"
    code, _ = said("export", "latest", "--result", str(file), "--runs", str(out / "runs" / result.folder))
    if code == 0:
        file.write_text(file.read_text(encoding="utf-8").replace(str(SHARED), "../shared"), encoding="utf-8")
    return code == 0


def said(*words: str) -> tuple[int, str]:
    """Exit code and stdout of a command."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        code = wsol(list(words))
    return code, stream.getvalue()


def data_folder(out: Path) -> Path:
    """A folder laid out as paths.data, whose metadata is the shared copy."""
    folder = out / "runs" / "data"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "metadata"
    if not link.exists():
        link.symlink_to(SHARED / "data" / "wsolevaluation_metadata")
    return folder


def environment() -> str:
    """Commit, versions and machine, in one line."""
    known = versions()
    said_versions = ", ".join(f"{name} {known[name]}" for name in ("python", "torch", "torchvision", "numpy", "numba"))
    return f"Commit {commit()}; {said_versions}; {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs."


def commit() -> str:
    """The commit's short name, and whether files differ from it."""
    try:
        short = _git("rev-parse", "--short", "HEAD")
        return short + (
            " with changes" if _git("status", "--porcelain", "--untracked-files=no", "--", "wsol", "conf") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def write_readme(out: Path) -> None:
    """List the tables that are there."""
    lines = [
        "# Results",
        "",
        "Our own tables, written by `python scripts/make_results.py` or the command that is named; none is typed by",
        "hand. Each names its",
        "command, commit, versions, number of images and intervals (95 %, over images, the best threshold chosen again",
        "in each bootstrap replicate). The CSV files hold every number, one per line; a JSON file is the result file",
        "of a run, of which the board in `docs/board` is made (`wsol export --result`, `make board`). Run folders are",
        "in `runs/`, which git ignores.",
        "",
        "Tables on real images hold numbers only. `ilsvrc_open` is a subset chosen by others and somewhat easier than",
        "ImageNet's validation set; its weights are not torchvision's.",
        "",
        "| table | what it shows |",
        "| --- | --- |",
    ]
    there = [result for result in RESULTS if (out / f"{result.name}.md").is_file()]
    listed = {**{result.name: result.about for result in there}, **FURTHER}
    for name, about in listed.items():
        if (out / f"{name}.md").is_file():
            others = [f"[{kind}]({name}.{kind})" for kind in ("csv", "json") if (out / f"{name}.{kind}").is_file()]
            numbers = f" ({', '.join(others)})" if others else ""
            lines.append(f"| [{name}]({name}.md){numbers} | {about} |")
    (out / "README.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
