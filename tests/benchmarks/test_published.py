"""The committed tables of published numbers: well-formed, runnable, and equal to the collection they come from."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from wsol.grammar import split

FOLDER = ROOT / "benchmarks"
FILES = sorted(FOLDER.glob("*.yaml"))
EXPECTED = {
    "cam2016", "gradcam2017", "choe2020", "layercam2021", "scorecam2020", "rise2018", "tscam2021", "dawsol2022",
    "bagcams2022", "c2am2022", "torchcam", "user_runs", "awesome_wsol", "centre_baseline", "ilsvrc_open", "ivr2021",
    "fcam2022", "bas2022", "sat2023", "dualcam2025", "cascam", "psol2020", "calm2021", "vitol2022", "genpromp2023",
    "cutmix2019", "gradcampp2018", "choe2020_v1", "unitab2022", "idc2024", "torchcam_pr415", "torchcam_results",
    "pc1_2024", "recent", "systems",
}  # fmt: skip
FIELDS = (
    "id",
    "row",
    "overrides",
    "metric",
    "protocol",
    "published",
    "unit",
    "kind",
    "tolerance",
    "source",
    "certainty",
)
LOCALISATION = {
    "maxboxacc", "maxboxacc_v2", "maxboxacc@30", "maxboxacc@50", "maxboxacc@70", "gt_known_loc", "top1_loc", "top5_loc",
}  # fmt: skip
LATER = {"tscam"}  # methods named by the handbook that may come later


def load(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def cells(path: Path) -> list[dict[str, Any]]:
    return list(load(path)["cells"])


def chosen(cell: dict[str, Any], group: str) -> list[str]:
    words = [word.partition("=")[2] for word in cell["overrides"] if word.startswith(f"{group}=")]
    return split(re.sub(r"^\[(.*)\]$", r"\1", words[0])) if words else []


def test_every_paper_of_the_collection_has_its_file() -> None:
    assert {path.stem for path in FILES} == EXPECTED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_says_what_it_is_and_what_it_needs(path: Path) -> None:
    document = load(path)
    assert list(document) == ["paper", "title", "venue", "citation", "note", "needs", "cells"]
    assert all(document[name] for name in ("paper", "title", "venue", "citation", "note", "cells"))
    needs = {"own_models", "dataset", "model", "weights", "checkpoint", "data"}
    assert set(document["needs"]) - {"plugin"} == needs
    assert (path.parent / document["needs"].get("plugin", "")).exists()
    assert "://" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_cell_has_its_fields(path: Path) -> None:
    found = cells(path)
    assert max(Counter(cell["id"] for cell in found).values()) == 1
    for cell in found:
        assert tuple(cell)[: len(FIELDS)] == FIELDS
        assert set(cell) <= {*FIELDS, "n", "train", "note", "baseline"}
        assert cell.get("n") is None or cell["n"] >= 500
        assert re.fullmatch(r"[a-z0-9@.-]+", cell["id"])
        assert {"dataset", "split", "method", "metric"} <= set(cell["row"])
        assert cell["unit"] in ("%", "fraction", "points", "s", "count")
        assert cell["kind"] in ("accuracy", "error", "value", "difference")
        assert (cell["unit"] == "points") == (cell["kind"] == "difference")
        filled = cell["published"] is not None
        assert filled == (cell["certainty"] in ("primary", "secondary", "transcript", "measured", "anecdotal"))
        assert filled == bool(cell["source"])
        assert filled or cell["note"]
        assert bool(cell["overrides"]) == (cell["tolerance"] is not None) == (cell["protocol"] is not None)
        assert cell["overrides"] or cell["note"]
        if cell["tolerance"] is not None:
            assert 0 < cell["tolerance"] <= (2 if cell["unit"] != "fraction" else 0.05)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_difference_names_the_cell_it_is_to(path: Path) -> None:
    by_id = {cell["id"]: cell for cell in cells(path)}
    for cell in by_id.values():
        assert ("baseline" in cell) == (cell["kind"] == "difference" and bool(cell["overrides"]))
        if "baseline" in cell:
            base = by_id[cell["baseline"]]
            assert (base["kind"], base["metric"], base["row"]["method"]) == ("accuracy", cell["metric"], "CAM")
            assert base["overrides"] == cell["overrides"]  # the same run of a network with other weights


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_runs_a_cell_exists(path: Path) -> None:
    from wsol.grammar import parse
    from wsol.methods._base import methods
    from wsol.metrics._base import metrics
    from wsol.models.zoo import model_names
    from wsol.protocols._base import named, protocols

    files = {group: {p.stem for p in (ROOT / "conf" / group).glob("*.yaml")} for group in ("dataset", "method")}
    models = {*model_names(), *load(path)["needs"]["own_models"]}
    for cell in cells(path):
        if not cell["overrides"]:
            continue
        assert all(re.fullmatch(r"[\w.]+=\S+", word) for word in cell["overrides"])
        assert cell.get("n") or "torch" in path.stem
        assert chosen(cell, "dataset")[0] in {*files["dataset"], "wsolevaluation", "folder"}
        assert len(chosen(cell, "method")) == 1
        method = chosen(cell, "method")[0]
        assert method in {*methods, *files["method"], *LATER} or method.startswith("peer.")  # those are an extra
        assert chosen(cell, "model")[0] in models or chosen(cell, "model")[0].startswith("timm/")
        rules = [named(name).name for name in chosen(cell, "protocol")]
        measured = {score.name for name in chosen(cell, "metric") for score in metrics[parse(name).name].scores}
        if cell["protocol"] == "classification":
            assert cell["metric"] in ("top1_cls", "top5_cls")
        elif parse(cell["protocol"]).name in protocols:
            assert cell["protocol"] in rules
            assert cell["metric"] in LOCALISATION
        else:
            assert chosen(cell, "metric") == [cell["protocol"]]
            assert cell["metric"] in measured


@pytest.mark.full
def test_settings_of_each_kind_compose() -> None:
    """One cell a file and protocol through Hydra, as `wsol run` would; networks that nobody ships are left out."""
    from wsol.settings import compose_settings

    seen = set()
    for path in FILES:
        own = load(path)["needs"]["own_models"]
        for cell in cells(path):
            kind = (path.stem, cell["protocol"])
            names = {*chosen(cell, "model"), *chosen(cell, "method")}
            extra = any(name.startswith("peer.") for name in names)  # other libraries may not be installed
            if not cell["overrides"] or kind in seen or extra or names & {*own, *LATER}:
                continue
            seen.add(kind)
            settings = compose_settings(cell["overrides"])
            assert settings["model"]["name"] == chosen(cell, "model")[0]
            assert len(settings.get("protocols") or {}) == len(chosen(cell, "protocol"))
    assert len(seen) >= 12


def test_every_collected_number_is_one_cell_unchanged(shared: Path) -> None:
    files: dict[str, list[str]] = {
        "wsolevaluation_v2_main_table.csv": ["choe2020"],
        "tscam_readme.csv": ["tscam2021"],
        "dawsol_bagcams_readmes.csv": ["dawsol2022", "bagcams2022"],
        "c2am_readme.csv": ["c2am2022"],
        "torchcam_readme.csv": ["torchcam"],
        "rise_deletion_insertion.csv": ["rise2018"],
        "rise_insertion_secondary.csv": ["rise2018"],
        "cam2016_ilsvrc_localization.csv": ["cam2016"],
        "gradcam_ilsvrc_localization.csv": ["gradcam2017"],
        "gyguo_awesome_wsol_secondary.csv": ["awesome_wsol"],
        "user_reported_runs.csv": ["user_runs"],
        "measured_centre_baseline.csv": ["centre_baseline"],
    }
    assert set(files) <= {
        path.name for path in (shared / "published").glob("*.csv")
    }  # more are collected than are ours
    places = ("dataset", "split", "architecture", "method", "layers", "metric")
    printed: Counter[tuple[Any, ...]] = Counter()
    for name in files:
        with (shared / "published" / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                key = tuple(row[place] for place in places)
                printed[(*key, float(row["value"]), row["unit"], row["source"])] += 1
    committed: Counter[tuple[Any, ...]] = Counter()
    for stem in {stem for stems in files.values() for stem in stems}:
        for cell in cells(FOLDER / f"{stem}.yaml"):
            if cell["published"] is not None:
                key = tuple(cell["row"].get(place, "") for place in places)
                committed[(*key, cell["published"], cell["unit"], cell["source"])] += 1
    assert committed == printed


def test_what_trains_a_network_is_said_where_no_weights_were_released() -> None:
    found = {cell["id"]: cell for cell in cells(FOLDER / "choe2020.yaml")}
    trained = {name: cell["train"] for name, cell in found.items() if "train" in cell}
    assert trained["cub-resnet50-adl-maxboxaccv2-delta-vs-cam"] == [
        "recipe=choe2020_cub", "dataset=cub", "model=resnet50_gap", "technique=adl",
    ]  # fmt: skip
    for name, words in trained.items():
        assert {word.partition("=")[0] for word in words} == {"recipe", "dataset", "model", "technique"}
        assert set(words[1:3]) <= set(found[name]["overrides"])  # the same data and network as are evaluated
    networks = {tuple(words) for words in trained.values()}
    assert len(networks) == 3 * 3 * 6


def test_a_system_names_the_tables_that_its_number_comes_through() -> None:
    found = {cell["id"]: cell for cell in cells(FOLDER / "systems.yaml")}
    chain = found["cub-resnet50-bas-top-1-loc"]["source"].split(" <- ")
    assert [part.partition(":")[0] for part in chain[1:]] == ["bas2022", "sat2023"]
    assert found["cub-resnet50-bas-top-1-loc"]["certainty"] == "primary"
    assert found["cub-deit-s-lctr-top-1-loc"]["certainty"] == "secondary"


def test_every_number_collected_later_is_one_cell_unchanged(shared: Path) -> None:
    """The files with newer columns, read here on their own; names and places may be written otherwise, numbers not."""
    printed: Counter[float] = Counter()
    for file in (shared / "published").glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as opened:
            for row in csv.DictReader(opened):
                if "where_in_source" in row:
                    printed[float(row["value"])] += 1
    later = EXPECTED - {
        "cam2016", "gradcam2017", "choe2020", "rise2018", "tscam2021", "dawsol2022", "bagcams2022", "c2am2022",
        "torchcam", "user_runs", "awesome_wsol", "centre_baseline", "ilsvrc_open", "systems",
    }  # fmt: skip
    committed = Counter(
        cell["published"] for stem in later for cell in cells(FOLDER / f"{stem}.yaml") if cell["published"] is not None
    )
    assert committed == printed
    assert printed.total() > 1300


@pytest.mark.full
def test_certainties_follow_the_collection(shared: Path) -> None:
    for path in FILES:
        for cell in cells(path):
            if cell["published"] is not None and "SECONDARY" in cell["source"]:
                assert cell["certainty"] == "secondary"
    assert {cell["certainty"] for cell in cells(FOLDER / "awesome_wsol.yaml")} == {"secondary"}
    assert {cell["certainty"] for cell in cells(FOLDER / "centre_baseline.yaml")} == {"measured"}
    for cell in cells(FOLDER / "c2am2022.yaml"):
        assert (cell["certainty"] == "primary") == cell["row"]["method"].startswith("C2AM")


def test_the_open_images_have_the_reference_evaluators_numbers(shared: Path) -> None:
    found = json.loads((shared / "data" / "real_open.json").read_text(encoding="utf-8"))
    by_id = {cell["id"]: cell["published"] for cell in cells(FOLDER / "ilsvrc_open.yaml")}
    assert by_id["ilsvrc-open-mobilenet-v2-centergauss-maxboxaccv2"] == found["centergauss"]["v2"]
    for layer in ("features.13", "features.18"):
        name = f"ilsvrc-open-mobilenet-v2-layercam-maxboxacc-{layer}"
        assert by_id[name] == found["mobilenet_v2"][f"layercam/{layer}"]["v1@50"]
    maps = [n for v in found.values() for n in v.values() if isinstance(n, dict)]
    assert len(by_id) == 5 * (len(maps) + 1) + 4


@pytest.mark.full
def test_the_script_writes_what_is_committed_and_keeps_what_was_filled_by_hand(shared: Path, tmp_path: Path) -> None:
    script = [sys.executable, "scripts/make_benchmarks.py", "--shared", str(shared), "--out", str(tmp_path)]
    subprocess.run(script, cwd=ROOT, check=True)
    for path in FILES:
        assert (tmp_path / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), path.name
    layercam = tmp_path / "layercam2021.yaml"
    document = load(layercam)
    place = next(n for n, cell in enumerate(document["cells"]) if cell["published"] is None)
    document["cells"][place] |= {"published": 12.5, "source": "table 1", "certainty": "primary", "note": "by hand"}
    layercam.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    subprocess.run(script, cwd=ROOT, check=True)
    filled = cells(layercam)[place]
    assert (filled["published"], filled["source"], filled["certainty"]) == (12.5, "table 1", "primary")
    assert cells(layercam)[place + 1]["published"] is None


@pytest.mark.full
def test_the_readme_lists_every_file_with_its_counts() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in FILES:
        found = cells(path)
        filled = sum(cell["published"] is not None for cell in found)
        line = rf"\| `{path.name}` \| .+ \| {len(found)} \| {filled} \|"
        assert re.search(line, text), f"{path.name}: {len(found)} cells, {filled} with a number"
