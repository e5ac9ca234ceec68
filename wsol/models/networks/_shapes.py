"""What the two networks trained on the embedded dataset share (`scripts/train_shapes.py`)."""

from __future__ import annotations

from pathlib import Path

from wsol.datasets.shapes.glyphs import GLYPHS

INPUT_SIZE = 128  # pixels; the whole image is squashed to this square
MEAN = (0.44, 0.44, 0.41)  # of the train split's pixels in [0, 1], to two digits
STD = (0.20, 0.19, 0.19)
CLASS_NAMES = tuple(GLYPHS)
NUM_CLASSES = len(CLASS_NAMES)
WEIGHTS = Path(__file__).parent / "weights"
