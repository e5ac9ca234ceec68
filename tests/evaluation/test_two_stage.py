"""Classes from elsewhere: a second network, its logits or a file of classes decide Top-1, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.evaluation.small import made, ran, rows
from wsol.cli import main
from wsol.errors import WsolError
from wsol.maps.two_stage import SecondNetwork
from wsol.report.numbers.summary import summarize
from wsol.runs.find import open_run
from wsol.runs.folder import RunFolder

N, TAU = 24, 0.3
WORDS = ("dataset=shapes", f"dataset.n={N}", "model=shapes_gap", "method=[gradcam,centerbox]")
FIXED = f"protocol=[choe2020_v1[tau={TAU}]]"
OF_CLASS = ("rank", "top", "probability")


def folder_of(runs: Path, *words: str) -> RunFolder:
    return ran(made(*WORDS, *words), runs)


def numbers(folder: RunFolder, variant: str = "gradcam@stage5") -> dict[str, float]:
    return {cell.metric: cell.value for cell in summarize(folder, n_resamples=20).cells if cell.variant == variant}


def write_classes(path: Path, ranks: Mapping[str, int]) -> str:
    path.write_text("\n".join(["image_id,rank", *(f"{image_id},{rank}" for image_id, rank in ranks.items())]))
    return f"classifier={path}"


def hits_by_hand(table: pa.Table, protocol: str) -> dict[str, bool]:
    """By image id, whether the IoU above the fixed threshold is 0.5 or more, from the steps of the row."""
    hits = {}
    for row in table.to_pylist():
        values = [iou for at, iou in zip(row[f"{protocol}/breaks"], row[f"{protocol}/iou"], strict=True) if at <= TAU]
        hits[row["image_id"]] = values[-1] >= 0.5
    return hits


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def plain(runs: Path) -> RunFolder:
    """Without a second network."""
    return folder_of(runs, FIXED)


def test_top1_and_top5_are_those_counted_by_hand(runs: Path, plain: RunFolder, tmp_path: Path) -> None:
    table = rows(plain)["gradcam@stage5"]
    (protocol,) = plain.about().protocols
    hits = hits_by_hand(table, protocol)
    ranks = {image_id: (0, 3, 4, 5, 9)[n % 5] for n, image_id in enumerate(hits)}
    found = numbers(folder_of(runs, FIXED, write_classes(tmp_path / "ranks.csv", ranks)))
    for top in (1, 5):
        by_hand = 100 * sum(hits[i] and ranks[i] < top for i in hits) / N
        assert found[f"top{top}_loc"] == pytest.approx(by_hand, abs=1e-9)
    assert found["gt_known_loc"] == pytest.approx(100 * sum(hits.values()) / N, abs=1e-9)
    assert found["top1_cls"] == pytest.approx(100 * sum(rank == 0 for rank in ranks.values()) / N)
    assert 0 < found["top1_loc"] < found["top5_loc"] < found["gt_known_loc"]


def test_the_network_itself_as_classifier_gives_the_same_rows(runs: Path, plain: RunFolder) -> None:
    again = folder_of(runs, FIXED, "classifier=shapes_gap")
    assert again.path != plain.path  # another identity
    for key, table in rows(plain).items():
        other = rows(again)[key]
        others = [name for name in table.column_names if name != "probability"]
        assert other.select(others).equals(table.select(others))
        np.testing.assert_allclose(other["probability"].to_numpy(), table["probability"].to_numpy(), rtol=1e-5)
    assert numbers(again) == numbers(plain)


def logits_of(experiment: Any) -> dict[str, np.ndarray]:
    """By image id, what the network behind the maps says of each image on its own."""
    import torch

    found = {}
    for image_id, sample in experiment.samples.items():
        (crop,) = experiment.view.inputs(experiment.dataset.image(sample))
        x = torch.from_numpy(experiment.classifier.normalized(crop)).permute(2, 0, 1)[None]
        with torch.no_grad():
            found[image_id] = experiment.classifier.module(x)[0].numpy()
    return found


@pytest.mark.full
@pytest.mark.parametrize("kind", ["by id", "two arrays", "csv"])
def test_logits_from_a_file_are_as_good_as_the_network_they_are_of(
    kind: str, runs: Path, plain: RunFolder, tmp_path: Path
) -> None:
    logits = logits_of(made(*WORDS, FIXED))
    file = tmp_path / ("logits.csv" if kind == "csv" else "logits.npz")
    if kind == "csv":
        lines = [",".join([image_id, *map(str, one.tolist())]) for image_id, one in logits.items()]
        file.write_text("\n".join([f"image_id,{','.join(map(str, range(len(next(iter(logits.values()))))))}", *lines]))
    elif kind == "two arrays":
        np.savez(file, image_id=np.array([*logits]), logits=np.stack([*logits.values()]))
    else:
        np.savez(file, **logits)
    folder = folder_of(runs, FIXED, f"classifier={file}")
    assert numbers(folder) == numbers(plain)
    for key, table in rows(plain).items():
        assert rows(folder)[key].select(["rank", "top"]).equals(table.select(["rank", "top"]))


def test_a_better_classifier_changes_top1_and_never_gt_known(runs: Path, plain: RunFolder, tmp_path: Path) -> None:
    ids = rows(plain)["gradcam@stage5"]["image_id"].to_pylist()
    of = {rank: numbers(folder_of(runs, FIXED, write_classes(tmp_path / f"{rank}.csv", dict.fromkeys(ids, rank))))
          for rank in (0, 4, 7)}  # fmt: skip
    assert {found["gt_known_loc"] for found in of.values()} == {numbers(plain)["gt_known_loc"]}
    assert of[0]["top1_loc"] == of[0]["gt_known_loc"] == of[4]["top5_loc"]
    assert of[4]["top1_loc"] == of[7]["top1_loc"] == of[7]["top5_loc"] == 0
    maps = [rows(folder_of(runs, FIXED, f"classifier={tmp_path}/{rank}.csv"))["gradcam@stage5"] for rank in (0, 7)]
    boxes = [name for name in maps[0].column_names if "/" in name or name == "map_digest"]
    assert maps[0].select(boxes).equals(maps[1].select(boxes))


def test_another_network_decides_the_class_under_its_own_size_and_view(runs: Path) -> None:
    folder = folder_of(runs, FIXED, "classifier=shapes_vgg[view=centre]")
    own = ran(made(*WORDS[:2], "model=shapes_vgg", "view=centre", "method=[gradcam]", FIXED), runs)
    (expected,) = rows(own).values()
    for table in rows(folder).values():
        assert table.select(["image_id", "rank", "top"]).equals(expected.select(["image_id", "rank", "top"]))
        np.testing.assert_allclose(table["probability"].to_numpy(), expected["probability"].to_numpy(), rtol=1e-4)
    assert folder.about().run.classifier.startswith("shapes_vgg (")


@pytest.mark.full
def test_a_protocol_with_a_view_of_its_own_takes_the_given_class_too(runs: Path, tmp_path: Path) -> None:
    tencrop = "protocol=[layercam2021]"
    ids = [*made(*WORDS).samples]
    folder = folder_of(runs, tencrop, write_classes(tmp_path / "right.csv", dict.fromkeys(ids, 0)))
    found = numbers(folder)
    assert found["top1_loc"] == found["gt_known_loc"]
    assert "layercam2021/rank" not in rows(folder)["gradcam@stage5"].column_names


@pytest.mark.full
def test_metrics_that_query_the_network_keep_its_own_probabilities(runs: Path, tmp_path: Path) -> None:
    ids = [*made(*WORDS).samples]
    words = ("metric=[drop,error_types]", "protocol=[]")
    wrong = write_classes(tmp_path / "wrong.csv", dict.fromkeys(ids, 9))
    own, other = folder_of(runs, *words), folder_of(runs, *words, wrong)
    before = [rows(folder)["gradcam@stage5"] for folder in (own, other)]
    drops = [name for name in before[0].column_names if name.startswith("drop/")]
    assert before[0].select(drops).equals(before[1].select(drops))
    kinds = [name for name in before[0].column_names if name.startswith("error_types/")]
    assert not before[0].select(kinds).equals(before[1].select(kinds))


def test_the_table_names_the_classifier_in_a_column_and_below(
    runs: Path, plain: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = rows(plain)["gradcam@stage5"]["image_id"].to_pylist()
    write_classes(tmp_path / "strong.csv", {i: n % 2 for n, i in enumerate(ids)})
    words = [*WORDS, FIXED, "metric=[]", "gallery=0", f"paths.runs={runs}"]
    assert main(["run", *words, f"classifier={tmp_path}/strong.csv"]) == 0
    head, _, *body = capsys.readouterr().out.splitlines()
    assert "classifier" in head
    assert sum("strong.csv" in line for line in body if line.startswith("|")) == 2
    assert any("classes by strong.csv" in line for line in body)
    latest = str(open_run("latest", runs).path)
    assert main(["table", latest, str(plain.path), "--json"]) == 0
    assert '"classifier": "strong.csv"' in (said := capsys.readouterr().out)
    assert '"classifier": "shapes_gap"' in said
    assert main(["run", *words]) == 0
    assert "classifier" not in capsys.readouterr().out


LOGITS = np.zeros((N, 10))


@pytest.mark.default_cases(9)
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("shapes_vgg[sides=3]", r"classifier\.sides"),
        ("shapes_vgg@stage4", r"is not a network; write NAME"),
        ("nowhere.csv", r"nowhere\.csv"),
        ("short.csv", r"23 of 24 images have no prediction in"),
        ("classes.csv", r"predicts class 10 for 'x0', and there are 10 classes"),
        ("fewer.npz", r"fewer\.npz has 9 logits per image, and the data and network have 10 classes"),
        ("nan.npz", r"the logits of 'x0' are not all finite numbers"),
        ("ragged.npz", r"expected \(C,\), with the same C for all"),
        ("broken.npz", r"broken\.npz is not a \.npz file of logits"),
        ("resnet5", r"there is no classifier 'resnet5'; nearest: 'resnet50'"),
        ("resnet18[weights=random]", r"knows 1000 classes, and the network behind the maps 10"),
    ],
)
def test_what_cannot_say_the_class_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    ids = [*made(*WORDS).samples]
    (tmp_path / "short.csv").write_text(f"image_id,top1\n{ids[0]},1")
    (tmp_path / "classes.csv").write_text("\n".join(["image_id,top1", *(f"{i},10" for i in ids)]))
    np.savez(tmp_path / "fewer.npz", image_id=np.array(ids), logits=LOGITS[:, :9])
    np.savez(tmp_path / "nan.npz", image_id=np.array(ids), logits=np.where(np.arange(N)[:, None] == 0, np.nan, LOGITS))
    np.savez(tmp_path / "ragged.npz", **{i: np.zeros(10 + (n == 1)) for n, i in enumerate(ids)})
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    given = tmp_path / text if text.endswith((".csv", ".npz")) else text
    with pytest.raises(WsolError, match=sentence.replace("x0", ids[0])):
        made(*WORDS, f"classifier={given}")


def test_predicted_classes_alone_do_not_serve_a_metric_of_all_logits(tmp_path: Path) -> None:
    word = write_classes(tmp_path / "c.csv", dict.fromkeys([*made(*WORDS).samples], 0))
    with pytest.raises(WsolError, match=r"metric classification needs all logits, and c\.csv has predicted classes"):
        made(*WORDS, word, "metric=[classification]")


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_a_second_network_runs_in_the_half_precision_of_the_run(half: torch.dtype) -> None:
    made_with = made(*WORDS, "classifier=shapes_gap", "engine.precision=bfloat16").classes
    assert isinstance(made_with, SecondNetwork)
    assert made_with.autocast is torch.bfloat16
    inputs = [[np.random.default_rng(n).random((128, 128, 3), np.float32)] for n in range(2)]
    batch = torch.from_numpy(np.stack([one for (one,) in inputs])).permute(0, 3, 1, 2)
    with torch.inference_mode(), torch.autocast("cpu", half):
        expected = made_with.classifier.module(batch.contiguous(memory_format=torch.channels_last)).float()
    np.testing.assert_array_equal(replace(made_with, autocast=half).logits(inputs), expected)
    assert (replace(made_with, autocast=None).logits(inputs) != expected.numpy()).any()
