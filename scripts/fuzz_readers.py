"""Read broken files (published layouts, COCO, CSV, lists, masks, maps, images); each must end in one sentence of ours.

    python scripts/fuzz_readers.py [COUNT] [FIRST_SEED]

Prints each case that raised anything else, with its seed; exits with 1 where there is one.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.datasets.bad_files import run_case


def main(words: list[str]) -> int:
    count, first = (int(word) for word in [*words, *("20000", "0")[len(words) :]])
    warnings.simplefilter("ignore")
    logging.disable()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            if line := run_case(seed, Path(folder)):
                wrong += 1
                print(line, flush=True)
    print(f"{wrong} of {count} cases raised something else than one sentence")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
