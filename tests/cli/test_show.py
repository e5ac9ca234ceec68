"""`wsol show`: everything in a registry can be shown, as text and as one object."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from wsol.cli import main
from wsol.datasets.base import datasets
from wsol.describe import options, parts
from wsol.methods._base import methods
from wsol.metrics._base import metrics
from wsol.protocols._base import protocols

CONF = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "dataset").glob("*.yaml"))


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["show", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", sorted(protocols))
def test_a_protocols_knobs_come_with_their_sources(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "protocol", name)
    record = protocols[name]
    assert facts["protocol"] == record.name
    for knob, value in record.knobs.items():
        assert facts["knobs"][knob]["source"] == record.sources[knob]
        assert facts["knobs"][knob]["value"] == (list(value) if isinstance(value, tuple) else value)


def test_a_derived_protocol_says_what_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "protocol", "choe2020_v2[normalise=max,deltas=(0.5,)]")
    changed = {k for k, v in facts["knobs"].items() if v["source"] == "changed from the preset"}
    assert changed == {"normalise", "deltas"}


@pytest.mark.parametrize("name", sorted(methods))
def test_every_method_shows_its_formula_cost_and_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "method", name)
    assert facts["title"]
    assert facts["cost"]
    assert {o["name"] for o in facts["options"]} >= {f.name for f in options(methods[name])} | {"sample"}
    if not name.startswith("peer"):
        assert facts["formula"]


@pytest.mark.parametrize("name", sorted(metrics))
def test_every_metric_shows_its_scores(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "metric", name)
    assert facts["scores"]
    assert facts["about"]


@pytest.mark.parametrize("name", sorted({*datasets, *CONF}))
def test_every_dataset_shows_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "dataset", name)
    assert facts["reader"] in datasets
    assert {o["name"] for o in facts["options"]} == {o.name for o in options(datasets[facts["reader"]])}


def test_a_choice_in_conf_shows_what_it_sets(capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "dataset", "ilsvrc")
    assert "ImageNet" in facts["about"]
    assert {o["name"]: o["default"] for o in facts["options"]}["images"] == "${paths.data}/ILSVRC"


def test_text_has_a_line_for_each_knob(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "protocol", "layercam2021"]) == 0
    text = capsys.readouterr().out
    assert "| tau " in text
    assert "0.15 * 255" in text
    assert main(["show", "method", "layercam"]) == 0
    text = capsys.readouterr().out
    assert "M = ReLU(sum_k ReLU(g_k) * A_k)" in text
    assert "Traps: right before a pool" in text
    assert "| grad_source" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["method", "layercan"], "nearest: 'layercam'"),
        (["protocol", "exat"], "nearest: 'exact'"),
        (["dataset", "shape"], "nearest: 'shapes'"),
        (["metric", "pxapp"], "nearest: 'pxap'"),
        (["methode", "cam"], "nearest: 'method'"),
    ],
)
def test_a_wrong_name_gets_the_nearest(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_protocol_in_a_file_of_ones_own_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shown_protocol.py"
    file.write_text(
        "from wsol.protocols import Protocol, protocol\n"
        "protocol(Protocol(name='shown2026', tau=0.3, sources={'tau': 'my paper, sec. 3'}))\n"
    )
    facts = shown(capsys, "protocol", "shown2026", "--with", str(file))
    assert facts["knobs"]["tau"] == {"value": 0.3, "source": "my paper, sec. 3"}
    assert facts["knobs"]["iou"]["source"] == "no source given"


def test_showing_and_comparing_load_no_torch() -> None:
    lines = [
        "from wsol.cli import main",
        "import sys",
        "for words in (['show', 'metric', 'pxap'], ['show', 'dataset', 'coco'], ['show', 'protocol', 'exact'],",
        "              ['diff', 'protocols', 'exact', 'cam2016'], ['list', 'protocols'], ['list', 'datasets']):",
        "    assert main([*words, '--json']) == 0",
        "    assert 'torch' not in sys.modules, words",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True, kw_only=True)
class Documented:
    """Title of one
    or two lines.

    M = a + b

    Identities: the same as x; and y.
    Traps: none of (any, kind) known.

    Options: a = one (the paper, eq. 2), two; b, in pixels; c (what it is).
    """

    a: Literal["one", "two"] = "one"
    b: int | None = None
    c: float = 1.0
    d: bool = False  # said here only


def test_a_docstring_comes_apart_at_its_keywords() -> None:
    assert parts(Documented) == {
        "title": "Title of one or two lines.",
        "formula": "M = a + b",
        "identities": "the same as x; and y.",
        "traps": "none of (any, kind) known.",
        "options": "a = one (the paper, eq. 2), two; b, in pixels; c (what it is).",
    }


def test_options_find_their_meaning() -> None:
    told = {o.name: (o.takes, o.about) for o in options(Documented)}
    assert told == {
        "a": ("one, two", "one (the paper, eq. 2), two"),
        "b": ("int or null", "in pixels"),
        "c": ("float", "(what it is)"),
        "d": ("bool", "said here only"),
    }
