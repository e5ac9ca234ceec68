"""`wsol audit`: what printed numbers allow, of all published tables or of one's own. Imports no torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from wsol.cli.options import Command, number
from wsol.errors import ConfigError
from wsol.options import Range
from wsol.runs.write import write_text

DESCRIPTION = """Find printed numbers that don't fit together: a mean that doesn't follow from its cells, Top-1 above
GT-known, a percentage that is no whole number of n images, one system with several numbers.

  wsol audit                              all published tables of benchmarks/
  wsol audit choe2020 fcam2022            some of them
  wsol audit my_table.csv --n 5794        your own, before a reviewer does
  wsol audit --page results/audit.md      write the page of the field's tables

A CSV has a column system (or method), perhaps network, dataset and n, and numbers under their usual names: top1_loc,
Top-1, gt_known, MaxBoxAccV2, top1_cls, ... What is found is worded as what the numbers allow; it says nothing of why.
Exit code 1: something was found in your own table. The checks: wsol list checks
"""
MOST = 10_000_000


def main(words: Sequence[str]) -> int:
    """Audit and print; 1 where something was found in a table of one's own."""
    from wsol.published.audit._base import audit
    from wsol.published.audit._page import as_page, as_text
    from wsol.published.audit._read import own_findings, published_numbers, table_numbers
    from wsol.published.beside import benchmark_names, load_benchmark

    parser = Command("audit", DESCRIPTION)
    parser.add_argument("tables", nargs="*", help="CSV files, or tables of benchmarks/ by name (default: all of them)")
    parser.add_argument("--n", type=number(Annotated[int, Range(1, MOST)]), help="images, of CSV rows that don't say")
    parser.add_argument("--dataset", default="", help="data set, of CSV rows that don't say: CUB, ImageNet, ...")
    parser.add_argument("--check", action="append", default=[], help="only this check (may be repeated)")
    parser.add_argument("--json", action="store_true", help="print findings as objects")
    parser.add_argument("--page", type=Path, help="write a page in Markdown instead")
    given = parser.read(words)
    files = [Path(table) for table in given.tables if table.lower().endswith(".csv")]
    if (given.n is not None or given.dataset) and not files:
        raise ConfigError("--n and --dataset are of a CSV file; published tables say n themselves")
    names = [table for table in given.tables if Path(table) not in files] or ([] if files else benchmark_names())
    own = own_findings(files, n=given.n, dataset=given.dataset, names=given.check) if files else []
    published = list(published_numbers(load_benchmark(name) for name in names))
    findings = [*own, *audit(published, given.check)]
    numbers = [*(one for file in files for one in table_numbers(file, n=given.n, dataset=given.dataset)), *published]
    if given.page is not None:
        write_text(given.page, as_page(findings, numbers), otherwise="choose another file with --page FILE")
    elif given.json:
        json.dump([finding.record() for finding in findings], sys.stdout, indent=1)
        print()
    else:
        print(as_text(findings, numbers))
    return int(bool(own))
