"""How long a terminal and a notebook wait: `wsol --help`, `wsol list`, the first map.

The first map stands beside torch's own import and one forward and backward pass.
Each number is of a fresh process. `import wsol` and one `wsol.attribute` of a model that is loaded already, beside
`import torch` and the gradient of one logit. Making the model is not timed on either side, and torch's import is on
both. The two take turns, on one thread, with the files in memory; medians of CPU seconds, which are those of the clock
on an idle machine. `imports` is the first part alone.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.speed.rows import Plan, Row, within

TARGET = 1.3
COMMANDS = {"--help": 0.1, "list methods": 0.4}  # seconds

FIRST_MAP = """
import json, sys, time
start = time.process_time()
{imports}
imported = time.process_time() - start
import torch, torchvision
torch.set_num_threads(1)
model = torchvision.models.get_model(sys.argv[1]).eval()
images = torch.zeros(1, 3, 224, 224)
start = time.process_time()
{work}
print(json.dumps([imported, imported + time.process_time() - start]))
"""
SIDES = {
    "torch": FIRST_MAP.format(imports="import torch", work="model(images)[0, 1].backward()"),
    "wsol": FIRST_MAP.format(
        imports="import wsol; wsol.attribute",
        work="wsol.attribute(model, images, 'layercam', layers=sys.argv[2], target=1)",
    ),
}
LAYERS = {"resnet50": "layer4", "resnet18": "layer4", "mobilenet_v2": "features.18"}


def seconds(side: str, network: str) -> tuple[float, float]:
    """Of a new process: its imports, and these with the first map."""
    command = [sys.executable, "-c", SIDES[side], network, LAYERS[network]]
    imports, whole = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return imports, whole


def taken(command: list[str], clock: str) -> float:
    """Seconds that a process takes, of the clock or of the processor; its bytecode is on the disk, as installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu if clock == "cpu" else wall


def rows(plan: Plan) -> Iterator[Row]:
    repeats = plan.of(7, 1)
    for words, target in COMMANDS.items():
        command = [sys.executable, "-m", "wsol", *words.split()]
        taken(command, plan.clock)  # writes the bytecode
        spent = [taken(command, plan.clock) for _ in range(plan.of(5, 1))]
        yield Row(
            topic="first_map",
            work=f"wsol {words}",
            against="the target in seconds",
            theirs=target,
            ours=min(spent),
            ratio=min(spent) / target,
            goal="at most",
            target=1.0,
            note=f"fastest of five processes, {plan.clock} time",
        )
    for side in SIDES:
        seconds(side, "resnet50")  # files are read from the disk once
    runs = [{side: seconds(side, "resnet50") for side in SIDES} for _ in range(repeats)]
    middle = {side: [median(run[side][part] for run in runs) for part in (0, 1)] for side in SIDES}
    ratios = [run["wsol"][1] / run["torch"][1] for run in runs]
    yield within(
        "first_map",
        "import wsol, first map of a loaded ResNet-50",
        "import torch, one forward + backward",
        middle["torch"][1],
        middle["wsol"][1],
        TARGET,
        note=f"{min(ratios):.2f} to {max(ratios):.2f}; imports alone {middle['torch'][0]:.2f} and "
        f"{middle['wsol'][0]:.2f} s",
    )
