"""Write `benchmarks/*.yaml` from the CSV files of published numbers.

    python scripts/make_benchmarks.py [--shared ../shared] [--out benchmarks]

Every row of every CSV becomes one cell; nothing is rounded, merged or left out. What a row alone doesn't say (titles,
needs, the command that runs it) is in `published_tables.py`, `published_sourced_tables.py` and `published_papers.py`
beside this file; `published_sourced_rows.py` reads the files that name the source of each row.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from published_papers import Paper, Row, Run
from published_sourced_rows import sourced_rows
from published_sourced_tables import PAPERS as SOURCED
from published_systems import ABOUT, LISTED, systems_rows
from published_tables import PAPERS

# from a printed metric to the name of ours and how the two compare
METRICS = {
    "MaxBoxAcc": ("maxboxacc", "accuracy"),
    "MaxBoxAccV2": ("maxboxacc_v2", "accuracy"),
    "MaxBoxAcc@IoU0.3": ("maxboxacc@30", "accuracy"),
    "MaxBoxAcc@IoU0.5": ("maxboxacc@50", "accuracy"),
    "MaxBoxAcc@IoU0.7": ("maxboxacc@70", "accuracy"),
    "PxAP": ("pxap", "accuracy"),
    "pIoU": ("piou", "accuracy"),
    "MaxBoxAccV2 delta vs CAM": ("maxboxacc_v2", "difference"),
    "PxAP delta vs CAM": ("pxap", "difference"),
    "total mean": (None, "accuracy"),
    "total mean delta vs CAM": (None, "difference"),
    "GT-known Loc": ("gt_known_loc", "accuracy"),
    "Top-1 Loc": ("top1_loc", "accuracy"),
    "Top-5 Loc": ("top5_loc", "accuracy"),
    "Top-1 Cls": ("top1_cls", "accuracy"),
    "Top-5 Cls": ("top5_cls", "accuracy"),
    "top-1 localization error": ("top1_loc", "error"),
    "top-5 localization error": ("top5_loc", "error"),
    "top-1 classification error": ("top1_cls", "error"),
    "top-5 classification error": ("top5_cls", "error"),
    "deletion AUC": ("deletion_auc", "value"),
    "insertion AUC": ("insertion_auc", "value"),
    "average drop": ("average_drop", "value"),
    "increase in confidence": ("increase", "value"),
    "energy pointing game": ("energy_pointing_game", "value"),
    # what only some papers measure, and we don't
    "win": (None, "value"),
    "pointing game": (None, "value"),
    "average precision": (None, "value"),
    "IoU": (None, "value"),
    "top-15% precision": (None, "value"),
    "cue localization": (None, "value"),
    "trust votes": (None, "value"),
    "seconds for 3,925 images": (None, "value"),
    "area under relative confidence vs occluded share": (None, "value"),
    "mLoc (IoU^c_I of thresholded map with box, delta=0)": (None, "value"),
    "mLoc (IoU^c_I of thresholded map with box, delta=0.25)": (None, "value"),
    "mLoc (IoU^c_I of thresholded map with box, delta=0.5)": (None, "value"),
}
IMAGES = {  # by data set and the beginning of its split: how many images a number of it is over
    ("CUB", "test"): 5_794,
    ("CUB", "val"): 1_000,
    ("ImageNet", "test"): 50_000,
    ("ImageNet", "val (ImageNetV2)"): 10_000,
    ("ImageNet", "val"): 50_000,
    ("OpenImages", "test"): 5_000,
    ("imagenette", "val"): 3_925,
    ("Oxford-IIIT Pet", "test"): 7_349,
    ("ilsvrc_open", "909"): 909,
}
FRACTIONS = ("deletion AUC", "insertion AUC")  # printed as 0 to 1, where the row has no unit
OPEN = {  # keys of real_open.json
    "v1@50": ("choe2020_v1", "MaxBoxAcc"),
    "v2": ("choe2020_v2", "MaxBoxAccV2"),
    "v2@30": ("choe2020_v2", "MaxBoxAcc@IoU0.3"),
    "v2@50": ("choe2020_v2", "MaxBoxAcc@IoU0.5"),
    "v2@70": ("choe2020_v2", "MaxBoxAcc@IoU0.7"),
}
PRINTED = ("dataset", "split", "architecture", "method", "layers", "setting", "metric")


class Flow(list[str]):
    """A list on one line."""


class FlowDict(dict[str, str]):
    """A mapping on one line."""


class Dumper(yaml.SafeDumper):
    """Block style, and lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


Dumper.add_representer(Flow, lambda d, data: d.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True))
Dumper.add_representer(FlowDict, lambda d, data: d.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True))

HEADER = "# Written by scripts/make_benchmarks.py, which keeps values filled in by hand where it has none.\n"
BY_HAND = ("published", "source", "certainty", "note")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder with published/ and data/")
    parser.add_argument("--out", type=Path, default=Path("benchmarks"))
    chosen = parser.parse_args()
    for paper in (*PAPERS, *SOURCED):
        file = chosen.out / f"{paper.name}.yaml"
        document = table(paper, chosen.shared)
        if file.exists():
            keep_by_hand(document, yaml.safe_load(file.read_text(encoding="utf-8")))
        file.write_text(HEADER + dump(document), encoding="utf-8")
    (chosen.out / "systems.yaml").write_text(HEADER + dump(systems(chosen.out)), encoding="utf-8")


def systems(out: Path) -> dict[str, Any]:
    """The table of systems; the chain of a number goes through every table written before that has it."""
    from wsol.published.beside import load_benchmark
    from wsol.published.sources import chains

    made = []
    for row in systems_rows():
        plain = {**row, "layers": "", "unit": "%", "source": LISTED, "value": repr(row["value"])}
        made.append((plain, Run(note=row.pop("note"))))
    paper = Paper(name="systems", run=lambda row: Run(), certainty=lambda row: row["certainty"], **about_systems())
    cells = [cell(base_name(row), paper, {**row, "note": ""}, run) for row, run in made]
    document = {**ABOUT, "needs": {**ABOUT["needs"], "own_models": Flow([])}, "cells": cells}
    draft = out / "systems.yaml"
    draft.write_text(dump(document), encoding="utf-8")
    others = [load_benchmark(str(file)) for file in sorted(out.glob("*.yaml")) if file != draft]
    own = load_benchmark(str(draft))
    for chain, one in zip(chains(own.cells, own, others), cells, strict=True):
        stated = [re.sub(r" \(SECONDARY[^)]*\)", "", found.source) for found in chain.same]
        steps = [f"{found.table}: {text} ({found.certainty})" for found, text in zip(chain.same, stated, strict=True)]
        one["source"] = " <- ".join([LISTED, *dict.fromkeys(steps)])
        if any(found.certainty == "primary" for found in chain.same):
            one["certainty"] = "primary"
    return document


def about_systems() -> dict[str, Any]:
    return {name: ABOUT[name] for name in ("paper", "title", "venue", "citation", "note", "needs")}


def keep_by_hand(document: dict[str, Any], before: dict[str, Any]) -> None:
    """Values of cells that are empty here and were filled in the file."""
    filled = {cell["id"]: cell for cell in before["cells"] if cell["published"] is not None}
    for made in document["cells"]:
        if made["published"] is None and made["id"] in filled:
            made.update({name: filled[made["id"]][name] for name in BY_HAND if name in filled[made["id"]]})


def dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=118)


def table(paper: Paper, shared: Path) -> dict[str, Any]:
    """One file's content: what it is, what it needs, its cells."""
    found = list(rows(paper, shared))
    named = zip(identifiers(found), found, strict=True)
    cells = {name: cell(name, paper, row, paper.run(row)) for name, row in named}
    for made in cells.values():
        if made["kind"] == "difference" and made["overrides"]:
            made["baseline"] = baseline(made, cells)
    return {
        "paper": paper.paper,
        "title": paper.title,
        "venue": paper.venue,
        "citation": paper.citation,
        "note": paper.note,
        "needs": {"own_models": Flow([])} | {k: Flow(v) if isinstance(v, list) else v for k, v in paper.needs.items()},
        "cells": list(cells.values()),
    }


def rows(paper: Paper, shared: Path) -> Iterator[Row]:
    """The paper's rows, then its empty cells."""
    for name in paper.csv:
        file = shared / "published" / name
        with file.open(encoding="utf-8", newline="") as opened:
            sourced = "where_in_source" in opened.readline()
            opened.seek(0)
            found = list(sourced_rows(file) if sourced else csv.DictReader(opened))
        yield from (row for row in found if row["paper"].startswith(paper.of))
    if paper.name == "ilsvrc_open":
        yield from measured_rows(json.loads((shared / "data" / "real_open.json").read_text(encoding="utf-8")))
    plain = {"layers": "", "value": "", "unit": "", "source": "", "certainty": ""}
    yield from ({**plain, **row} for row in paper.empty)


def measured_rows(found: dict[str, Any]) -> Iterator[Row]:
    """The reference evaluator's numbers on the open images as rows like those of the CSV files."""
    same = {
        "dataset": "ilsvrc_open",
        "split": "909 images",
        "unit": "%",
        "source": "shared/data/real_open.json (reference evaluator)",
    }
    maps = {("mobilenet_v2", "centergauss"): found["centergauss"]}
    for network in ("mobilenet_v2", "squeezenet1_1"):
        maps |= {(network, name): n for name, n in found[network].items() if isinstance(n, dict)}
        for top in ("1", "5"):
            about = {"protocol": "choe2020_v1", "architecture": network, "method": "gradcam", "layers": ""}
            yield same | about | {"metric": f"Top-{top} Cls", "value": repr(found[network][f"top{top}"])}
    for (network, name), numbers in maps.items():
        method, _, layer = name.replace("_signed", "").partition("/")
        for key, (protocol, metric) in OPEN.items():
            about = {"protocol": protocol, "architecture": network, "method": method, "layers": layer}
            yield same | about | {"metric": metric, "value": repr(numbers[key])}


def cell(name: str, paper: Paper, row: Row, run: Run) -> dict[str, Any]:
    """One number as printed, and how to compute ours."""
    metric, kind = METRICS[row["metric"]]
    value = float(row["value"]) if row["value"] else None
    certainty = paper.certainty if isinstance(paper.certainty, str) else paper.certainty(row)
    unit = row["unit"] or ("fraction" if row["metric"] in FRACTIONS else "%")
    made: dict[str, Any] = {
        "id": name,
        "row": FlowDict({k: row[k] for k in PRINTED if row.get(k)}),
        "overrides": Flow(run.overrides),
        "metric": metric,
        "protocol": run.protocol,
        "published": value,
        "unit": unit,
        "kind": kind,
        "tolerance": run.tolerance if run.overrides else None,
        "source": row["source"] or None,
        "certainty": certainty if value is not None else None,
    }
    note = "; ".join(part for part in (run.note if value is not None else "", row.get("note", "")) if part)
    n = images(row)
    more = {"n": n, "train": Flow(run.train), "note": note}
    return made | {name: value for name, value in more.items() if value}


def images(row: Row) -> int | None:
    """How many images a number is over, as its split says or its data set has; None where nobody knows."""
    name, split = re.sub(r"^ILSVRC", "ImageNet", row["dataset"]), row["split"]
    if "server" in split:
        return None
    if found := re.search(r"first ([\d,]+)k?|([\d,]+)-([\d,]+)|([\d,]+)(?: random)? images|, ([\d,]+)$", split):
        first, low, high, count, last = (int(part.replace(",", "")) if part else 0 for part in found.groups())
        if high:
            return high - low + 1
        return (first * 1000 if "10k" in split else first) or count or last
    places = [key for key in IMAGES if name.lower().startswith(key[0].lower()) and split.startswith(key[1])]
    return IMAGES[max(places, key=lambda key: len(key[1]))] if places else None


def identifiers(found: list[Row]) -> list[str]:
    """Readable names, unique in the file: data set, network, method, metric, and layers or split where those differ."""
    plain = [base_name(row) for row in found]
    names = []
    for row, name in zip(found, plain, strict=True):
        like = [other for other, own in zip(found, plain, strict=True) if own == name]
        kinds = (("layers",), ("split",), ("setting",), ("table", "layers", "setting"))
        apart = next((k for k in kinds if len({words(o, k) for o in like}) == len(like) > 1), None)
        names.append(slug(f"{name} {words(row, apart)}") if apart else name)
    if len(set(names)) < len(names):
        raise ValueError(f"cells share a name: {sorted(n for n in set(names) if names.count(n) > 1)}")
    return names


def words(row: Row, fields: tuple[str, ...]) -> str:
    return " ".join(row.get(field, "") for field in fields)


def base_name(row: Row) -> str:
    parts = [row[k] for k in ("dataset", "architecture", "method", "metric") if row[k] != "none"]
    return slug(" ".join(parts + (["reproduced"] if "(reproduction)" in row.get("paper", "") else [])))


def slug(text: str) -> str:
    plain = text.lower().replace("++", "pp").replace("*", " star")
    return re.sub(r"[^a-z0-9@.]+", "-", plain).strip("-")


def baseline(made: dict[str, Any], cells: dict[str, dict[str, Any]]) -> str:
    """The cell that a printed difference is to: CAM's, same data set, network and metric."""
    same = {"dataset": made["row"]["dataset"], "architecture": made["row"]["architecture"], "method": "CAM"}
    wanted = made["row"]["metric"].removesuffix(" delta vs CAM")
    found = [n for n, c in cells.items() if same.items() <= c["row"].items() and c["row"]["metric"] == wanted]
    if len(found) != 1:
        raise ValueError(f"{made['id']}: {len(found)} cells could be its baseline")
    return found[0]


if __name__ == "__main__":
    main()
