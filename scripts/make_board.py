"""Write the board, a page of every number in results/, into docs/board/index.html.

python scripts/make_board.py
python scripts/make_board.py mine.json -o /tmp/board.html    of these result files
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for docs._ext, which is no part of the package

from docs._ext.board import page  # noqa: E402
from docs._ext.markdown import write  # noqa: E402
from wsol.errors import WsolError  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="*", help="result files; default: all of results/")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "docs" / "board" / "index.html", help="the page")
    chosen = parser.parse_args()
    try:
        write(chosen.out, page(chosen.results or None))
    except WsolError as error:
        print(f"make_board: {error}", file=sys.stderr)
        return error.exit_code
    print(chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
