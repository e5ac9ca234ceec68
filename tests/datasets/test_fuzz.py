"""Broken files end in one sentence of ours, whatever is broken; ``scripts/fuzz_readers.py`` tries many more."""

from __future__ import annotations

import warnings
from pathlib import Path

from tests.datasets.bad_files import CASES, run_case

COUNT = 200


def test_no_broken_file_raises_anything_but_a_sentence(tmp_path: Path) -> None:
    assert COUNT % len(CASES) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow and NumPy, on broken headers
        wrong = [line for seed in range(COUNT) if (line := run_case(seed, tmp_path))]
    assert wrong == []
