"""Our run time beside other libraries' and beside lower bounds, all in one table.

    python -m benchmarks.speed                          every topic, under 15 minutes on two idle cores
    python -m benchmarks.speed --quick scorecam exact   two topics on few images, to see that they run
    python -m benchmarks.speed --device cuda            on a GPU (`make bench-gpu`), 3 minutes

A topic is a module beside this one with a function `rows(plan)`. Each has a process of its own, one after the other,
in which both sides of a row take turns; a row is measured only after both sides were seen to compute the same. Peers
that are not installed (extra `peers`) are named as such. Writes speed.md and speed.csv into --out, as it goes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks.speed.bounds import lines_of
from benchmarks.speed.rows import Plan, Row
from wsol.environment import versions
from wsol.report.tables.render import as_csv, as_markdown
from wsol.report.tables.table import table_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = ("grad-cam", "torchcam", "captum")
RESULT = "row: "  # before each row on a topic's standard output
SHOWN = ("work", "against", "theirs", "ours", "unit", "ratio", "target", "met", "note")


def topics() -> list[str]:
    """The modules beside this one that measure rows."""
    return sorted(
        path.stem for path in HERE.glob("*.py") if path.stem != "rows" and "\ndef rows(" in path.read_text("utf-8")
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the chosen topics and write the table; 1 where a topic failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("topics", nargs="*", help=f"some of: {', '.join(topics())}")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true", help="also 60 photographs, where ../shared is (half an hour)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of torch and of scoring")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu where the machine is shared")
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of speed.md and speed.csv")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # a topic in its own process
    words = parser.parse_args(argv)
    if unknown := set(words.topics) - set(topics()):
        parser.error(f"there is no topic {min(unknown)}; choose from {', '.join(topics())}")
    if words.device != "cpu" and not torch.cuda.is_available():
        print(f"{words.device}: not measured (no GPU)")
        return 0
    plan = Plan(quick=words.quick, long=words.long, device=words.device, threads=words.threads, clock=words.clock)
    if words.inside:
        return inside(words.topics[0], plan)
    records: list[dict[str, Any]] = []
    failed: list[str] = []
    spent: dict[str, float] = {}
    for topic in words.topics or topics():
        before = time.monotonic()
        found, ok = outside(topic, words)
        records += found
        failed += [] if ok else [topic]
        spent[topic] = time.monotonic() - before
        print(f"{topic}: {len(found)} rows, {spent[topic]:.0f} s", file=sys.stderr, flush=True)
        write(words.out, records, failed, plan, spent)
    print((words.out / "speed.md").read_text("utf-8"))
    return 1 if failed else 0


def inside(topic: str, plan: Plan) -> int:
    """One topic in this process; each row is printed as soon as it is there."""
    torch.set_num_threads(plan.threads)
    for row in importlib.import_module(f"benchmarks.speed.{topic}").rows(plan):
        assert isinstance(row, Row)
        print(RESULT + json.dumps(row.record()), flush=True)
    return 0


def outside(topic: str, words: argparse.Namespace) -> tuple[list[dict[str, Any]], bool]:
    """The rows of a topic from a process of its own, and whether it ended well."""
    command = [sys.executable, "-m", "benchmarks.speed", topic, "--inside", "--device", words.device]
    command += [
        "--threads",
        str(words.threads),
        "--clock",
        words.clock,
        *(f"--{name}" for name in ("quick", "long") if getattr(words, name)),
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    found = [json.loads(line[len(RESULT) :]) for line in done.stdout.splitlines() if line.startswith(RESULT)]
    return found, done.returncode == 0


def write(
    out: Path, records: Sequence[dict[str, Any]], failed: Sequence[str], plan: Plan, seconds: Mapping[str, float]
) -> None:
    """speed.csv with every field, speed.md with one table for each topic; `seconds` that each of these took."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "speed.csv").write_text(as_csv(table_of([{**record, **machine(plan)} for record in records])), "utf-8")
    lines = [
        "# speed",
        "",
        "Our run time beside other libraries' and beside lower bounds. Both sides of a row take turns in one process "
        "and were seen to compute the same before; medians. `ratio` is theirs / ours where the target is *at least*, "
        "ours / theirs where it is *at most*. Absolute times are this machine's, ratios travel.",
        "",
        "```",
        "make bench",
        "```",
        "",
        describe(plan)
        + f" Measured in {sum(seconds.values()):.0f} s"
        + (" with `--quick`: ratios are rough" if plan.quick else "")
        + f" ({', '.join(f'{topic} {spent:.0f}' for topic, spent in seconds.items())}).",
    ]
    if not plan.cuda:
        lines += ["", "What a GPU gives is in [speed_gpu.md](speed_gpu.md)."]
    if failed:
        lines += ["", f"Stopped by an error: {', '.join(failed)}."]
    for topic in dict.fromkeys(record["topic"] for record in records):
        rows = [shown(record) for record in records if record["topic"] == topic]
        filled = [name for name in SHOWN if any(row[name] for row in rows)]
        lines += ["", f"## {topic}", "", as_markdown(table_of([{n: row[n] for n in filled} for row in rows])).rstrip()]
    lines += lines_of(records)
    (out / "speed.md").write_text("\n".join(lines) + "\n", "utf-8")


def shown(record: dict[str, Any]) -> dict[str, str]:
    """A row as people read it."""
    goal = f"{record['goal']} {record['target']:g}" if record["target"] is not None else ""
    numbers = {name: _number(record[name]) for name in ("theirs", "ours", "ratio")}
    return {name: str({**record, **numbers, "target": goal}[name]) for name in SHOWN}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def machine(plan: Plan) -> dict[str, Any]:
    """What the numbers were measured on."""
    known = versions()
    return {
        "device": plan.device,
        "threads": plan.threads,
        "clock": plan.clock,
        "cpu": processor(),
        "gpu": torch.cuda.get_device_name() if plan.cuda else "",
        "torch": known["torch"],
        "date": datetime.now(UTC).date().isoformat(),
    }


def describe(plan: Plan) -> str:
    """Machine, versions and threads in one paragraph."""
    known = versions()
    packages = ", ".join(f"{name} {known[name]}" for name in ("python", "torch", "torchvision", "numpy", "numba"))
    peers = ", ".join(f"{name} {installed_version(name)}" for name in PEERS)
    where = machine(plan)
    half = {True: "yes", False: "no", None: "unknown"}[bfloat16(plan)]
    return (
        f"{where['date']}; {where['gpu'] or where['cpu']}, {os.cpu_count()} cores, {plan.threads} threads, "
        f"{plan.clock} time; {packages}; peers: {peers}. bfloat16 in hardware: {half}."
    )


def installed_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """The CPU's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def bfloat16(plan: Plan) -> bool | None:
    """Whether the device multiplies bfloat16 itself, and not by converting it to float32 first; None where torch is too
    old to say."""
    if plan.cuda:
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch 2.4 has no such function
    return None if supported is None else bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and supported()


if __name__ == "__main__":
    sys.exit(main())
