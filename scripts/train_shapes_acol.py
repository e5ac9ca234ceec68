"""Train the embedded network with ACoL's two branches as `wsol train` does, and keep its weights in half precision.

    python scripts/train_shapes_acol.py                 # into wsol/models/networks/weights/, two minutes of one thread
    python scripts/train_shapes_acol.py --out /tmp/weights --words recipe.epochs=1 dataset.n=100     # a rehearsal

The training is the row `acol`, seed 0, of results/shapes_training.md. In float16 the file is 0.8 MB, not 1.5; when it
is loaded, the weights are float32 again.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import safetensors.torch

from wsol.cli import main as wsol
from wsol.models.networks._shapes import WEIGHTS
from wsol.models.trained import FILE

NAME = "shapes_acol.safetensors"
TRAIN = ("recipe=shapes", "dataset=shapes", "model=shapes_vgg_gap", "technique=acol", "seed=0")


def main() -> int:
    """Train, then write the rounded weights; returns the exit code of `wsol train`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--words", nargs="*", default=[], help="further overrides of the training, for a rehearsal")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if code := wsol(["train", *TRAIN, *chosen.words, f"out={folder}/acol"]):
            return code
        halve(Path(folder, "acol", FILE), chosen.out / NAME)
    print(chosen.out / NAME)
    return 0


def halve(trained: Path, file: Path) -> None:
    """Write the weights of a file in float16, without what it says of its training."""
    state = {key: value.half().contiguous() for key, value in safetensors.torch.load_file(trained).items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(state, file)
    file.chmod(0o644)  # safetensors keeps its files to their owner, which an installed package must not


if __name__ == "__main__":
    raise SystemExit(main())
