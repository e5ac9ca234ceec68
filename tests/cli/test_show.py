"""`wsol show`: everything in a registry can be shown, as text and as one object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wsol.cli import main
from wsol.datasets.base import datasets
from wsol.methods._base import methods
from wsol.methods._variants import config_of
from wsol.metrics._base import metrics
from wsol.options import defaults
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
    assert {o["name"] for o in facts["options"]} == set(config_of(name))
    if not name.startswith("peer"):
        assert facts["formula"]


@pytest.mark.parametrize("name", sorted(metrics))
def test_every_metric_shows_its_scores(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "metric", name)
    assert facts["scores"]
    assert facts["about"]


def test_a_dataset_of_files_says_how_they_are_decoded(capsys: pytest.CaptureFixture[str]) -> None:
    images = shown(capsys, "dataset", "ilsvrc")["images"]
    assert "CMYK converted by Pillow's formula" in images
    assert images.endswith("EXIF turns none: they are as stored.")
    assert "images" not in shown(capsys, "dataset", "shapes")


@pytest.mark.parametrize("name", sorted({*datasets, *CONF}))
def test_every_dataset_shows_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "dataset", name)
    assert facts["reader"] in datasets
    assert {o["name"] for o in facts["options"]} == set(defaults(datasets[facts["reader"]]))


def test_a_choice_in_conf_shows_what_it_sets(capsys: pytest.CaptureFixture[str]) -> None:
    facts = shown(capsys, "dataset", "ilsvrc")
    assert "ImageNet" in facts["about"]
    assert {o["name"]: o["default"] for o in facts["options"]}["images"] == "${paths.data}/ILSVRC"


def test_text_has_a_line_for_each_knob(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "protocol", "layercam2021"]) == 0
    text = capsys.readouterr().out
    assert "| tau " in text
    assert "0.15 * 255" in text


LAYERCAM = """\
method: layercam
name: LayerCAM
paper: Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps, TIP 2021
year: 2021
needs: activations, gradients
layers: last
cost: 1F + 1B
stochastic: false

LayerCAM: each location weighted by its own positive gradient.

M = ReLU(sum_k ReLU(g_k) * A_k)

Identities: equals element-wise Grad-CAM where A >= 0; equals CAM with ReLU(w), up to 1/n, on a GAP head.

Traps: right before a pool the gradient is a grid, because the pool sends it to one cell per window. The authors' \
localization script takes the gradient of the pool's output, upsampled (grad_source=next_upsampled); 1F + 1B more.

options
"""


def test_a_method_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "method", "layercam"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(LAYERCAM)
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text[len(LAYERCAM) :].splitlines()]
    assert table[0] == ["name", "default", "takes", "help"]
    assert [
        "pool",
        "null",
        "str or null",
        "module name of that pool; null for the first one behind the layer",
    ] in table
    assert [
        "gamma",
        "null",
        "float or null",
        "contrast of the tanh scaling (2 in LayerCAM's paper); null leaves maps as they are",
    ] in table


@pytest.mark.parametrize(
    ("name", "part", "text"),
    [
        (
            "cam",
            "title",
            "CAM: each channel weighted by the class's weight in the linear layer behind the average pooling.",
        ),
        ("cam", "identities", "sum of M / n = y - b (n cells); M = n Grad-CAM before the ReLU."),
        (
            "gradcam_pp",
            "formula",
            "alpha = g^2 / (2 g^2 + S_k g^3) = 1 / (2 + S_k g), S_k = sum of A_k\n"
            "w_k = sum alpha ReLU(g);  M = ReLU(sum_k w_k A_k)",
        ),
        (
            "rise",
            "formula",
            "M = sum_i p(x * m_i) m_i / (N p_1)\n"
            "m_i: a coarse grid of cells kept with probability p_1, upsampled, shifted at random",
        ),
        (
            "fullbox",
            "traps",
            "a control. A flat map means no box for every other method, and the box of the whole image for this one.",
        ),
    ],
)
def test_the_docstrings_sections_are_shown_as_they_stand(
    name: str, part: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys, "method", name)[part] == text


def test_an_option_is_shown_with_its_range_and_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    options = {o["name"]: o for o in shown(capsys, "method", "rise")["options"]}
    assert options["keep"] == {
        "name": "keep",
        "default": 0.5,
        "takes": "float (above 0 and at most 1)",
        "help": "p_1, chance that a cell is kept",
    }
    assert "gamma" not in options  # RISE takes no layers, so there is nothing to fuse
    assert "gamma" not in {o["name"] for o in shown(capsys, "method", "zoomcam")["options"]}  # fuses its layers itself
    assert options["sample"]["help"] == "evaluate only that many images, the same for every variant"


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
    assert facts["knobs"]["tau"] == {
        "value": 0.3,
        "source": "my paper, sec. 3",
        "takes": "float or sweep or otsu, mean",
        "help": "sweep over all thresholds, one fixed share of the map's maximum, or a rule by which each map chooses "
        "its own without boxes: otsu, or its mean",
    }
    assert facts["knobs"]["iou"]["source"] == "no source given"


def test_of_two_protocols_what_differs_is_shown_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, "protocol", "choe2020_v1", "choe2020_v2") == {
        "a": "choe2020_v1",
        "b": "choe2020_v2",
        "knobs": {
            "component": {"a": "largest_polygon", "b": "all_with_holes"},
            "headline": {"a": "at_50", "b": "mean_over_deltas"},
        },
    }


@pytest.mark.parametrize("other", sorted(protocols))
def test_the_knobs_of_both_sides_rebuild_the_other(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    differing = shown(capsys, "protocol", "exact", other)["knobs"]
    rebuilt = protocols["exact"].derive({knob: sides["b"] for knob, sides in differing.items()})
    assert rebuilt.knobs == protocols[other].knobs


@pytest.mark.parametrize("knob", ["normalise", "normalize"])
def test_derived_protocols_are_compared_by_either_spelling(knob: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "protocol", "choe2020_v2", f"choe2020_v2[{knob}=max]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == ["knob", "choe2020_v2", "choe2020_v2[normalise=max]"]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]] == [["normalise", "minmax", "max"]]


def test_protocols_of_the_same_knobs_have_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "protocol", "cam2016", "cam2016_text"]) == 0
    assert "have the same knobs" in capsys.readouterr().out


def test_two_names_are_for_protocols_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "method", "cam", "gradcam"]) == 2
    assert "wsol show method takes one name, or for protocols two; got cam gradcam" in capsys.readouterr().err


def test_showing_and_comparing_load_no_torch() -> None:
    lines = [
        "from wsol.cli import main",
        "import sys",
        "for words in (['show', 'metric', 'pxap'], ['show', 'dataset', 'coco'], ['show', 'protocol', 'exact'],",
        "              ['show', 'protocol', 'exact', 'cam2016'], ['list', 'protocols'], ['list', 'datasets']):",
        "    assert main([*words, '--json']) == 0",
        "    assert 'torch' not in sys.modules, words",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["method", "layercam"], ["protocol", "choe2020_v2"], ["dataset", "coco"]])
def test_options_fit_a_terminal(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["show", *words]) == 0
    printed = capsys.readouterr().out
    options = printed.rpartition("\noptions\n")[2] if "\noptions\n" in printed else printed
    assert "    takes: " in options
    assert "…" not in options
    assert max(map(len, options.splitlines()[8:])) <= 72
