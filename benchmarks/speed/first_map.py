"""How long a notebook waits for its first map, beside torch's own import and one forward and backward pass.

    python benchmarks/speed/first_map.py [--network resnet50] [--repeats 7]

Each number is of a fresh process: `import wsol` and one `wsol.attribute` of a model that is loaded already, beside
`import torch` and the gradient of one logit. Making the model is not timed on either side, and torch's import is on
both. The two take turns, on one thread, with the files in memory; medians of CPU seconds, which are those of the clock
on an idle machine. `imports` is the first part alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median

from wsol.report.tables.render import print_table

TARGET = 1.3

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


def main(argv: Sequence[str] | None = None) -> None:
    """Print one row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet50", choices=LAYERS)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args(argv)
    for side in SIDES:
        seconds(side, args.network)  # files are read from the disk once
    runs = [{side: seconds(side, args.network) for side in SIDES} for _ in range(args.repeats)]
    middle = {side: [median(run[side][part] for run in runs) for part in (0, 1)] for side in SIDES}
    ratios = [run["wsol"][1] / run["torch"][1] for run in runs]
    print_table(
        [
            {
                "network": args.network,
                **{f"{side} imports s": f"{middle[side][0]:.2f}" for side in SIDES},
                **{f"{side} s": f"{middle[side][1]:.2f}" for side in SIDES},
                "ratio": f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                "target": TARGET,
            }
        ]
    )


if __name__ == "__main__":
    main()
