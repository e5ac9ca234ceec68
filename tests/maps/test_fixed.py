"""Controls scored without images: the same rows as with a network, and the published centre baseline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wsol.cli import main
from wsol.datasets.formats.wsolevaluation import WsolEvaluation
from wsol.errors import DataError
from wsol.evaluation.build import experiment_from
from wsol.evaluation.engines import run_local
from wsol.evaluation.shard import evaluate_shard
from wsol.published.plan import boxes_experiment
from wsol.runs.folder import RunFolder
from wsol.runs.schema import COUNTED, MEASURED
from wsol.settings import compose_settings

WORDS = [
    "dataset.n=10",
    "method=[centergauss,centerbox,fullbox]",
    "protocol=[choe2020_v1,choe2020_v2,gradcam2017,exact]",
    "metric=[]",
    "gallery=0",
    "view.side=224",
]


def test_boxes_and_ious_are_those_of_a_run_with_images_and_a_network(tmp_path: Path) -> None:
    settings = compose_settings(WORDS)
    seen, blind = experiment_from(settings), boxes_experiment(settings)
    for name, experiment in (("seen", seen), ("blind", blind)):
        run_local(experiment, RunFolder(tmp_path / name))
    with_network, without = RunFolder(tmp_path / "seen").tables(), RunFolder(tmp_path / "blind").tables()
    assert set(without) == {"centergauss", "centerbox", "fullbox"}
    for key, rows in without.items():
        known = {"rank", "top", "probability", *COUNTED, *MEASURED}
        assert set(with_network[key].column_names) - set(rows.column_names) == known
        assert not any(rows["image_digest"].to_pylist())  # no image was opened
        assert all(with_network[key]["image_digest"].to_pylist())
        for column in set(rows.column_names) - {"image_digest"}:
            assert rows[column].to_pylist() == with_network[key][column].to_pylist(), (key, column)


def test_doing_it_twice_changes_nothing(tmp_path: Path) -> None:
    blind, folder = boxes_experiment(compose_settings(WORDS)), RunFolder(tmp_path / "blind")
    (shard,) = blind.shards
    evaluate_shard(blind, shard, folder)
    before = files(folder)
    assert len(before) == 1
    evaluate_shard(blind, shard, folder)
    assert files(folder) == before


def files(folder: RunFolder) -> dict[str, tuple[int, bytes]]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.path.glob("**/*") if p.is_file()}


def write_first(source: Path, place: Path, count: int) -> None:
    """The first images of a metadata folder, as the golden file counts them."""
    place.mkdir(parents=True)
    ids = (source / "image_ids.txt").read_text().splitlines()[:count]
    (place / "image_ids.txt").write_text("\n".join(ids))
    for name in ("class_labels", "image_sizes", "localization"):
        lines = (source / f"{name}.txt").read_text().splitlines()
        kept = set(ids)
        (place / f"{name}.txt").write_text("\n".join(x for x in lines if x.split(",")[0] in kept))


@pytest.mark.full
@pytest.mark.parametrize("name", ["ILSVRC", "CUB"])
def test_the_centre_baseline_of_two_thousand_images_is_that_of_the_reference_code(
    name: str, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = json.loads((shared / "golden" / "centre_baseline.json").read_text())["results"]
    (expected,) = (
        g for g in golden if (g["dataset"], g["split"], g["mode"], g["sigma"]) == (name, "test", "V2", "112/3")
    )
    write_first(
        shared / "data/wsolevaluation_metadata" / name / "test", tmp_path / "data/metadata" / name / "test", 2000
    )
    words = ["centre_baseline", "--only", f"{name.lower()}-", "--allow-changes", "--json", "--resamples", "20"]
    places = [f"paths.data={tmp_path / 'data'}", f"paths.runs={tmp_path / 'runs'}"]
    assert main(["reproduce", *words, *places]) == 1  # 2,000 images are not the published split, and val is missing
    found = {one["id"]: one for one in json.loads(capsys.readouterr().out) if one["row"]["split"].startswith("test")}
    ours = {one["row"]["metric"]: one["ours"] for one in found.values()}
    assert {one["n"] for one in found.values()} == {2000}
    for delta, value in expected["max_box_acc"].items():
        assert ours[f"MaxBoxAcc@IoU{delta}"] == pytest.approx(value, abs=1e-9)
    assert ours["MaxBoxAccV2"] == pytest.approx(expected["headline"], abs=1e-9)


def test_half_a_split_is_refused(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_first(shared / "data/wsolevaluation_metadata/CUB/test", tmp_path / "data/metadata/CUB/test", 30)
    places = [f"paths.data={tmp_path / 'data'}", f"paths.runs={tmp_path / 'runs'}"]
    assert main(["reproduce", "centre_baseline", "--only", "cub-center-baseline-maxboxaccv2-test", *places]) == 2
    printed = capsys.readouterr()
    (row,) = (line for line in printed.out.splitlines() if line.startswith("| cub-center-baseline-maxboxaccv2-test "))
    assert row.split("|")[3].strip() == "-"  # the published number stands there without ours
    assert "has 30 images here, and the published numbers are of 5794; add --allow-changes" in printed.out
    assert "centre_baseline needs data: only sizes and boxes decide the numbers." in printed.err


def test_a_data_set_without_images_opens_none(shared: Path) -> None:
    metadata = shared / "data/wsolevaluation_metadata"
    data = WsolEvaluation(images=None, metadata=str(metadata / "CUB/test"), limit=3)
    with pytest.raises(DataError, match=r"dataset\.images=null: there are only sizes and boxes"):
        data.image(data.samples()[0])
    with pytest.raises(DataError, match="sizes are unknown"):
        WsolEvaluation(images=None, metadata=str(metadata / "OpenImages/test")).samples()
