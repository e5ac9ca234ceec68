"""`wsol rescore --mean-map` adds the mean map of all other images to a run, as a control with ordinary rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.small import checksums, made, ran, rows
from tests.reference.mean_map import mean_of_others
from wsol.cli import main
from wsol.evaluation.rescore import rescoring
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap
from wsol.maps.extractor import MapExtractor
from wsol.maps.source import Loaded
from wsol.protocols import protocols
from wsol.report.numbers.summary import summarize
from wsol.runs.folder import RunFolder
from wsol.views import view_named

WORDS: tuple[str, ...] = ("dataset.n=6", "method=[centergauss,gradcam,layercam@stage4[gamma=2]]", "engine.shard_size=2")
WORDS += ("engine.batch_size=2", "protocol=[choe2020_v1,layercam2021]", "maps=keep")
MEANS = {
    "meanmap@stage5[of=gradcam]": "gradcam@stage5",
    "meanmap@stage4[of=layercam[gamma=2]]": "layercam@stage4[gamma=2]",
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return ran(made(*WORDS), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def known(before: RunFolder) -> dict[str, Any]:
    """What the run's rows were before the mean maps came."""
    return {"rows": rows(before), "checksums": checksums(before)}


@pytest.fixture(scope="module")
def run(before: RunFolder, known: dict[str, Any]) -> RunFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MapExtractor, "__init__", lambda *_, **__: pytest.fail("this needs no network"))
        assert main(["rescore", str(before.path), "--mean-map", "--resamples", "20"]) == 0
    return before


def test_its_rows_stand_beside_those_of_the_run_which_stay(run: RunFolder, known: dict[str, Any]) -> None:
    assert set(run.tables()) == {*known["rows"], *MEANS}
    assert [one for one in checksums(run) if one in known["checksums"]] == known["checksums"]
    about = run.about()
    for key, base in MEANS.items():
        assert about.variants[key].role == "control"
        assert about.variants[key].layers == about.variants[base].layers
        mine, theirs = run.tables()[key], run.tables()[base]
        for name in ("image_id", "label", "gt_boxes", "sample_digest", "image_digest", "rank", "top", "probability"):
            assert mine[name].to_pylist() == theirs[name].to_pylist()
        assert mine["layercam2021/rank"].to_pylist() == theirs["layercam2021/rank"].to_pylist()


@pytest.mark.parametrize("key", MEANS)
def test_they_are_the_rows_of_the_twins_maps(run: RunFolder, key: str) -> None:
    about, table = run.about(), run.tables()[key]
    view = view_named("squash", about.run.side)
    ids = table["image_id"].to_pylist()
    again = rescoring(run, [protocols["choe2020_v1"]], threads=1)
    (base,) = [variant for variant in again.variants if variant.key == MEANS[key]]
    maps = again.source().maps([Loaded(sample=again.samples[image_id]) for image_id in ids], view, [base])
    images = [maps.crops(base, image) for image in range(len(ids))]
    items = []
    for place, row in enumerate(table.select(["width", "height", "gt_boxes"]).to_pylist()):
        mean = mean_of_others(images, place, images[0][0].shape)
        assert mean is not None
        boxes = np.reshape(row["gt_boxes"], (-1, 4))
        items.append(ImageMap(raw=mean[0], layout=view.layout((row["width"], row["height"])), boxes_xyxy=boxes))
    found = localize(items, [protocols["choe2020_v1"]])["choe2020_v1"].iou
    for n in range(len(ids)):
        steps = slice(*found.offsets[n : n + 2])
        assert table["choe2020_v1/iou"][n].as_py() == found.values[steps].tolist()
        assert table["choe2020_v1/breaks"][n].as_py() == found.breaks[steps].tolist()


def test_ten_crops_have_a_mean_map_each(run: RunFolder) -> None:
    cell = {(c.variant, c.measure): c.value for c in summarize(run, n_resamples=20).cells if c.metric == "gt_known_loc"}
    assert all((key, "layercam2021") in cell for key in MEANS)
    assert all(set(run.tables()[key]["status"].to_pylist()) == {"ok"} for key in MEANS)


def test_the_same_command_again_finds_nothing_to_do(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    before = checksums(run)
    assert main(["rescore", str(run.path), "--mean-map", "--resamples", "20", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["mean_maps"] == {base: key for key, base in MEANS.items()}
    assert printed["numbers"]["choe2020_v1"].keys() == {*MEANS, *MEANS.values()}
    assert checksums(run) == before
    assert not summarize(run, n_resamples=20).timed_apart


def test_what_it_cannot_do_is_one_sentence(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rescore", str(run.path), "--mean-map", "protocol=[exact]"]) == 2
    assert "scores by the run's own protocols; leave out protocol=[exact]" in capsys.readouterr().err
    plain = ("protocol=[choe2020_v1]", "maps=keep")
    ran(made("dataset.n=2", "method=[centergauss]", *plain), tmp_path)
    assert main(["rescore", "latest", "--mean-map", "--runs", str(tmp_path)]) == 2
    assert "keeps maps of controls alone" in capsys.readouterr().err
    ran(made("dataset.n=1", "method=[gradcam]", *plain), tmp_path)
    assert main(["rescore", "latest", "--mean-map", "--runs", str(tmp_path)]) == 2
    assert "has one image, and so no other one" in capsys.readouterr().err
