"""Rows of the CSV files that name the source of each row, with the columns of the other files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from published_papers import Row

SPLITS = {"ImageNet": "val", "VOC2007": "val", "VOC2012": "val", "Imagenette": "val"}  # others: test
FRACTIONS = ("average precision", "IoU", "top-15% precision", "mLoc", "area under", "Insertion AUC", "Deletion AUC")
CERTAINTY = (("second-hand", "secondary"), ("transcription", "transcript"), ("primary", "primary"))
FOUND_BY = re.compile(r",? ?\(?find_string ids? [\d, ]+\)?")  # how a text was found is nobody's source
LONG_NAMES = {  # of metrics, where a table's own heading says more than its number's name
    "MaxBoxAcc (V1, IoU 0.5)": "MaxBoxAcc",
    "MaxBoxAcc V1": "MaxBoxAcc",
    "MaxBoxAcc (GT-known, IoU 0.5)": "MaxBoxAcc",
    "MaxBoxAcc@IoU0.5": "MaxBoxAcc@IoU0.5",
    "top-1 cls error": "top-1 classification error",
    "Average Drop %": "average drop",
    "Increase in Confidence %": "increase in confidence",
    "Average Increase %": "increase in confidence",
    "Win %": "win",
    "Energy-based pointing game %": "energy pointing game",
    "pointing game %": "pointing game",
    "Insertion AUC": "insertion AUC",
    "Deletion AUC": "deletion AUC",
    "mean of three": "total mean",
    "cue localization (MPxAP-like, %)": "cue localization",
    "trust votes of 250": "trust votes",
}


def sourced_rows(file: Path) -> Iterator[Row]:
    """The rows of a file with the columns source, where_in_source, certainty, ..., protocol_note, value."""
    with file.open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            dataset, split, setting = _dataset(row["dataset"])
            paper, place = (FOUND_BY.sub("", row[part]) for part in ("source", "where_in_source"))
            setting = "; ".join(part for part in (setting, _setting(row["protocol_note"])) if part)
            yield {
                "paper": paper,
                "table": place,
                "dataset": dataset,
                "split": split,
                "architecture": row["network"],
                "method": row["method"],
                "layers": row["layer"],
                "metric": LONG_NAMES.get(row["metric"], row["metric"]),
                "setting": setting,
                "value": row["value"],
                "unit": _unit(row),
                "source": f"{paper}, {place}",
                "certainty": next(ours for theirs, ours in CERTAINTY if theirs in row["certainty"]),
                "note": row["protocol_note"],
            }


def _dataset(text: str) -> tuple[str, str, str]:
    """Name, split and what else is said: ``CUB (trained on ImageNet)``, ``ImageNet val, 2000 random images``."""
    name, _, rest = text.partition(" (") if " (" in text else text.partition(", ")
    rest = rest.rstrip(")")
    words = name.split(" ")
    split = words.pop() if words[-1] in ("val", "test") and len(words) > 1 else SPLITS.get(words[0], "test")
    if re.fullmatch(r"first 10k|[\d,]+( random)? images|[\d,]+|500 images.*", rest):
        return " ".join(words), f"{split}, {rest}", ""
    return " ".join(words), split, rest


def _setting(note: str) -> str:
    """What of a note tells cells of one name apart."""
    found = re.match(
        r"normalisation=(\w+)|(fixed tau [\d.]+)|(box model trained on \w+)|(\d part difference|\d \(\d+\)|mean$)", note
    )
    if not found:
        return ""
    return f"normalization {found[1]}" if found[1] else found[0]


def _unit(row: dict[str, str]) -> str:
    metric = row["metric"]
    if metric.startswith("seconds"):
        return "s"
    if metric.startswith("trust votes"):
        return "count"
    small = metric in ("average drop", "increase in confidence") and "torch-cam" in row["source"]
    return "fraction" if small or metric.startswith(FRACTIONS) else "%"
