"""Published tables of a test's own, on the drawn images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

SHAPES = ["dataset=shapes", "dataset.n=12", "model=shapes_gap", "metric=[]", "gallery=0"]
GRADCAM = [*SHAPES, "method=[gradcam]", "protocol=[choe2020_v1]"]
LAYERCAM = [*SHAPES, "method=[layercam]", "methods.layercam.layers=stage4", "protocol=[choe2020_v2]"]


def cell(name: str, **fields: Any) -> dict[str, Any]:
    """A number of a table: MaxBoxAcc of Grad-CAM, unless `fields` say otherwise."""
    row = {"dataset": "shapes", "split": "test", "method": name, "metric": "MaxBoxAcc"}
    plain: dict[str, Any] = {"overrides": GRADCAM, "metric": "maxboxacc", "protocol": "choe2020_v1", "published": None}
    plain |= {"unit": "%", "kind": "accuracy", "tolerance": 0.01, "source": "a test", "certainty": "measured"}
    return {"id": name, "row": row, **plain, **fields}


def write(place: Path, cells: list[dict[str, Any]], **needs: Any) -> str:
    """A table as a file; its path."""
    known = {"own_models": [], "dataset": "shapes", "model": "shapes_gap", "weights": "any", "data": ""}
    node = {"paper": "A test", "title": "T", "venue": "V", "citation": "C", "note": "", "needs": {**known, **needs}}
    place.write_text(yaml.safe_dump({**node, "cells": cells}))
    return str(place)
