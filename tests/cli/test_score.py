"""`wsol score`: other people's maps, in any of their forms, to the numbers of the published evaluators."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.maps_scored import SIZES, TRUTH, Scored, folder_of, raw_maps, scores
from tests.localization.one_map import curve, map_of
from wsol.cli import main
from wsol.evaluation import experiment
from wsol.localization.normalize import normalize
from wsol.localization.resize import resize
from wsol.models.zoo import load_classifier
from wsol.protocols._base import named
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder
from wsol.runs.shards import shards
from wsol.views import view_named


def test_the_object_has_the_agreed_names(scored: Scored) -> None:
    found = scored(scores())
    assert set(found) == {"protocol", "n", "metrics"}
    assert found["protocol"] == "choe2020_v1"
    assert found["n"] == len(SIZES)
    assert set(found["metrics"]) == {
        "maxboxacc",
        "maxboxacc@30",
        "maxboxacc@50",
        "maxboxacc@70",
        "gt_known_loc",
        "best_tau",
    }
    for cell in found["metrics"].values():
        assert set(cell) == {"value", "low", "high"}
        assert cell["low"] <= cell["value"] <= cell["high"]
    second = scored(scores(), protocol="choe2020_v2")
    assert "maxboxacc_v2" in second["metrics"]
    assert "maxboxacc" not in second["metrics"]


# golden files


def test_the_form_of_the_files_changes_nothing(scored: Scored) -> None:
    from safetensors.numpy import save_file

    maps = scores()
    np.savez(scored.at / "maps.npz", **maps)
    save_file(maps, scored.at / "maps.safetensors")
    short = {i.rpartition(".")[0]: values for i, values in maps.items()}
    expected = scored.values(folder_of(maps, scored.at / "whole"))
    curves = scored.rows
    for form in (scored.at / "maps.npz", scored.at / "maps.safetensors", folder_of(short, scored.at / "short")):
        assert scored.values(form) == expected
        assert {i: r["choe2020_v1/iou"] for i, r in scored.rows.items()} == {
            i: r["choe2020_v1/iou"] for i, r in curves.items()
        }


def test_the_form_of_the_annotations_changes_nothing(scored: Scored) -> None:
    maps = folder_of(scores(), scored.at / "maps")
    expected = scored.values(maps, annotations=TRUTH.metadata(scored.at / "m"))
    assert scored.values(maps, annotations=TRUTH.csv(scored.at / "boxes.csv")) == expected
    assert scored.values(maps, annotations=TRUTH.coco(scored.at / "boxes.json")) == expected


@pytest.mark.parametrize("kind", ["float32", "float64", "extra axes", "8 bit"])
def test_the_type_of_the_numbers_changes_nothing(kind: str, scored: Scored) -> None:
    levels = {i: np.floor(values * 255).astype(np.uint8) for i, values in scores().items()}
    stored: dict[str, Any] = {
        "float32": {i: v.astype(np.float32) / np.float32(255) for i, v in levels.items()},
        "float64": {i: v / 255 for i, v in levels.items()},
        "extra axes": {i: (v / 255)[None, :, :, None] for i, v in levels.items()},
        "8 bit": levels,
    }
    scored(stored[kind])
    assert "taken as they are" in scored.story
    rule = named("choe2020_v1[normalise=none]")
    for i, row in scored.rows.items():
        item = map_of(levels[i] / 255, TRUTH.boxes[i], size_wh=SIZES[i])
        assert (row["choe2020_v1/breaks"], row["choe2020_v1/iou"]) == curve(item, rule)


@pytest.mark.parametrize(
    "protocol", ["choe2020_v1", "choe2020_v2", "exact", "gradcam2017", "layercam2021", "cam2016_code"]
)
def test_raw_maps_go_through_the_protocol(protocol: str, scored: Scored) -> None:
    scored(raw_maps(), protocol=protocol)
    assert "resized and normalized by the protocol" in scored.story
    rule = named(protocol)
    for i, row in scored.rows.items():
        item = map_of(raw_maps()[i], TRUTH.boxes[i], size_wh=SIZES[i])
        assert (row[f"{protocol}/breaks"], row[f"{protocol}/iou"]) == curve(item, rule)


def test_raw_maps_are_measured_as_in_a_run(scored: Scored) -> None:
    """A run brings raw maps to the input by bilinear interpolation before a metric sees them."""
    scored(raw_maps(), protocol="energy_pointing")
    found = scored.rows
    for i, raw in raw_maps().items():
        grid = normalize(resize(raw, (224, 224), rule="bilinear"), rule="minmax")
        (w, h), inside = SIZES[i], np.zeros((224, 224), bool)
        for x0, y0, x1, y1 in TRUTH.boxes[i]:
            x, y = np.arange(224) + 0.5, np.arange(224)[:, None] + 0.5
            inside |= (x >= x0 * 224 / w) & (x < x1 * 224 / w) & (y >= y0 * 224 / h) & (y < y1 * 224 / h)
        assert found[i]["energy_pointing/energy"] == pytest.approx(grid[inside].sum() / grid.sum())


def test_scores_at_the_images_size_are_taken_as_they_are_where_boxes_are_there(scored: Scored) -> None:
    given = scored.values(folder_of(scores(None), scored.at / "large"), protocol="exact")
    assert "taken as they are" in scored.story
    assert given == scored.values(folder_of(raw_maps(), scored.at / "raw"), protocol="exact")
    scored(folder_of(scores(None), scored.at / "large"), protocol="choe2020_v1")
    assert "resized and normalized" in scored.story


def test_scores_that_stay_low_are_not_stretched_but_said_to_be_raw_if_all_do(scored: Scored) -> None:
    dim = {i: values * (1.0 if n == 0 else 0.4) for n, (i, values) in enumerate(scores().items())}
    scored(folder_of(dim, scored.at / "dim"))
    assert "taken as they are" in scored.story
    scored(folder_of({i: v * 0.01 for i, v in scores().items()}, scored.at / "dimmer"))
    assert "reach 0.01 at most" in scored.story


def test_what_to_do_with_maps_can_be_said(scored: Scored) -> None:
    plain = {i: np.round(values * 256) / 256 for i, values in scores().items()}
    lifted = {i: 0.5 + values / 2 for i, values in plain.items()}
    maps = folder_of(lifted, scored.at / "lifted")
    auto, never, always = ([], ["--normalise", "never"], ["--normalise", "always"])
    assert scored.values(maps, *auto) == scored.values(maps, *never)
    assert scored.values(maps, *always) == scored.values(folder_of(plain, scored.at / "plain"))
    scored(maps, protocol="choe2020_v1[normalise=max]")
    assert "resized and normalized by the protocol: the protocol's name says how" in scored.story


def test_maps_with_the_images_proportions_need_not_be_square(scored: Scored) -> None:
    maps = {
        i: np.random.default_rng(0).random((max(1, round(h / 32)), max(1, round(w / 32))))
        for i, (w, h) in SIZES.items()
    }
    assert scored(maps)["n"] == len(SIZES)


def test_maps_of_a_centre_crop_cover_the_centre(scored: Scored) -> None:
    squares = {i: np.ones((7, 7)) for i in SIZES}
    for values in squares.values():
        values[0, 0] = 0
    scored(squares, protocol="psol2020")
    assert "squash_centre crop" in scored.story
    rows = scored.rows
    scored(squares, "--view", "squash", protocol="psol2020")
    assert {i: r["psol2020/iou"] for i, r in scored.rows.items()} != {i: r["psol2020/iou"] for i, r in rows.items()}


# predictions


def test_top1_and_top5_come_from_predictions_in_any_form(scored: Scored) -> None:
    label = TRUTH.labels
    right = {"b/0.jpeg": 0, "b/1.jpeg": 3, "a.jpg": 0, "c/d/e.png": 7, "f.jpg": 4}  # ranks of the labels
    lists = {i: [50, 51, 52, 53, 54] for i in SIZES}
    for i, rank in right.items():
        if rank < 5:
            lists[i][rank] = label[i]
    forms = {
        "top5": ["image_id,top1,top2,top3,top4,top5", *(f"{i},{','.join(map(str, t))}" for i, t in lists.items())],
        "rank": ["image_id,rank", *(f"{i},{r}" for i, r in right.items()), "another.jpg,0"],
        "top1": ["image_id,top1", *(f"{i},{t[0]}" for i, t in lists.items())],
        "correct": ["image_id,correct", *(f"{i},{'true' if r == 0 else 'false'}" for i, r in right.items())],
    }
    found = {}
    for name, lines in forms.items():
        file = scored.at / f"{name}.csv"
        file.write_text("\n".join(lines))
        found[name] = scored.values(scores(), "--predictions", str(file))
    assert found["top5"] == found["rank"]
    assert found["top5"]["top1_cls"] == 40
    assert found["top5"]["top5_cls"] == 80
    assert found["top1"] == found["correct"] == {k: v for k, v in found["top5"].items() if not k.startswith("top5")}
    assert found["top5"]["top1_loc"] <= found["top5"]["top1_loc_max"] <= found["top5"]["gt_known_loc"]


def test_a_network_can_say_the_class_of_maps_from_files(scored: Scored) -> None:
    """The numbers of its logits in a file, written by hand."""
    rng = np.random.default_rng(0)
    pixels = {i: rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for i, (w, h) in SIZES.items()}
    for i, image in pixels.items():
        file = scored.at / "images" / i
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file, format="PNG")
    network = load_classifier("shapes_gap")
    logits = {}
    for i, image in pixels.items():
        (crop,) = view_named("squash", network.input_size).inputs(Image.fromarray(image))
        with torch.no_grad():
            logits[i] = network.module(torch.from_numpy(network.normalized(crop)).permute(2, 0, 1)[None])[0].numpy()
    np.savez(scored.at / "logits.npz", **logits)
    of_file = scored.values(scores(), "--predictions", str(scored.at / "logits.npz"))
    of_network = scored.values(scores(), "--classifier", "shapes_gap", "--images", str(scored.at / "images"))
    assert of_network == of_file == scored.values(scores(), "--classifier", str(scored.at / "logits.npz"))
    assert {"top1_loc", "top5_loc", "top1_loc_max", "top1_cls"} <= set(of_file)


# refusals


def test_graph_cuts_get_their_pixels(scored: Scored) -> None:
    rng = np.random.default_rng(0)
    for i, (w, h) in SIZES.items():
        file = scored.at / "images" / i
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(file)
    images = ["--images", str(scored.at / "images")]
    deep = scored.values(raw_maps(), *images, protocol="layercam2021")
    plain = scored.rows
    assert deep == scored.values(raw_maps(), protocol="layercam2021")
    scored(raw_maps(), *images, "--shallow", "--name", "shallow", protocol="layercam2021")
    cut = scored.rows
    assert any(cut[i]["layercam2021/iou"] != plain[i]["layercam2021/iou"] for i in SIZES)


def test_rows_are_a_run_that_tables_read(scored: Scored) -> None:
    maps = folder_of(scores(), scored.at / "maps")
    scored(maps, "--name", "my maps")
    scored(maps, "--name", "my maps", protocol="choe2020_v2")
    folder = open_run("latest", scored.at / "runs")
    assert folder.name.startswith("score-my_maps-")
    assert main(["table", "latest", "--runs", str(scored.at / "runs"), "--json"]) == 0
    cells = json.loads(scored.capsys.readouterr().out)
    assert {cell["protocol"] for cell in cells} == {"choe2020_v1", "choe2020_v2"}
    assert {cell["variant"] for cell in cells} == {"my_maps"}
    assert main(["table", "latest", "--runs", str(scored.at / "runs")]) == 0
    assert "my_maps" in scored.capsys.readouterr().out


def test_the_same_maps_are_not_scored_again_and_changed_ones_are(scored: Scored) -> None:
    first = scored.values(scores())
    (run,) = (scored.at / "runs").iterdir()
    (file,) = RunFolder(run).path.glob("rows/*.parquet")
    made = file.stat().st_mtime_ns
    assert scored.values(scored.at / "maps") == first
    assert file.stat().st_mtime_ns == made
    scored({**scores(), "a.jpg": 1 - scores()["a.jpg"]})
    assert len(list((scored.at / "runs").iterdir())) == 2


def test_the_number_of_threads_and_shards_changes_no_row(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    scored(scores(), "--threads", "1", "--name", "one")
    rows = {i: {**r, "variant": ""} for i, r in scored.rows.items()}
    monkeypatch.setattr(experiment, "shards", lambda ids, size: shards(ids, 2))
    scored(scores(), "--threads", "4", "--name", "four")
    assert {i: {**r, "variant": ""} for i, r in scored.rows.items()} == rows
    assert len(list(open_run("latest", scored.at / "runs").path.glob("rows/*.parquet"))) == 3


def test_safetensors_of_bfloat16_are_read_without_torch(scored: Scored) -> None:
    """NumPy has no such type; the values are float32 whose lower halves are cut off."""
    import torch
    from safetensors.torch import save_file

    maps = raw_maps(13)
    save_file({i: torch.tensor(m).bfloat16() for i, m in maps.items()}, scored.at / "half.safetensors")
    short = {i: torch.tensor(m).bfloat16().float().numpy() for i, m in maps.items()}
    save_file({i: torch.tensor(m) for i, m in short.items()}, scored.at / "full.safetensors")
    assert scored(scored.at / "half.safetensors")["metrics"] == scored(scored.at / "full.safetensors")["metrics"]


def test_the_error_types_take_the_class_from_predictions(scored: Scored) -> None:
    (scored.at / "right.csv").write_text(
        "\n".join(["image_id,correct", *(f"{i},{n % 2}" for n, i in enumerate(SIZES))])
    )
    found = scored.values(scores(), "--predictions", str(scored.at / "right.csv"), protocol="error_types")
    assert found["error_class_wrong"] == pytest.approx(100 * 3 / 5)


def test_a_protocol_and_a_metric_of_ones_own_are_one_file_each(scored: Scored) -> None:
    (scored.at / "my_protocol.py").write_text(
        "from wsol.protocols import Protocol, protocol\n"
        "protocol(Protocol(name='scored2026', tau=0.6, component='largest_rect', iou='plus1'))\n"
    )
    found = scored.values(scores(), "--with", str(scored.at / "my_protocol.py"), protocol="scored2026")
    assert set(found) == {"gt_known_loc"}
    (scored.at / "my_metric.py").write_text(
        "from wsol.metrics import mean, metric\n"
        "@metric('brightness2026', paper='me', year=2026, needs=('truth',), about='Mean of the map.')\n"
        "class Brightness:\n"
        "    '''Brightness.'''\n"
        "    power: float = 1.0\n"
        "    scores = (mean('bright', label='Bright'),)\n"
        "    def measure(self, case):\n"
        "        return {'bright': float((case.map01 ** self.power).mean())}\n"
    )
    with_it = ["--with", str(scored.at / "my_metric.py")]
    found = scored.values(scores(), *with_it, protocol="brightness2026")
    assert found["bright"] == pytest.approx(np.mean([m.mean() for m in scores().values()]))
    found = scored.values(scores(), *with_it, protocol="brightness2026[power=2.0]")
    assert found["bright"] == pytest.approx(np.mean([(m**2).mean() for m in scores().values()]))


def test_scoring_loads_no_torch(tmp_path: Path) -> None:
    maps = folder_of(scores(), tmp_path / "maps")
    words = [
        "score",
        "--maps",
        str(maps),
        "--annotations",
        str(TRUTH.metadata(tmp_path / "m")),
        "--runs",
        str(tmp_path),
    ]
    lines = [
        "from wsol.cli import main",
        "import sys",
        f"assert main({[*words, '--protocol', 'choe2020_v2']}) == 0",
        "assert 'torch' not in sys.modules",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MaxBoxAcc" in done.stdout
