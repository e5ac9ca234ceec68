"""Top-1 with classes from elsewhere in Python: a network, a name or a file, as ``classifier=`` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import wsol
from tests.api.small_net import Net, data, rows
from tests.evaluation.small import made, ran
from wsol.errors import ConfigError, DataError, UnknownName

N = 12
WORDS = ("dataset=shapes", f"dataset.n={N}", "model=shapes_gap", "method=[gradcam]", "protocol=[choe2020_v1]")
OF_CLASS = ["rank", "predicted", "probability"]


def evaluated(classifier: Any = None, **options: Any) -> wsol.Result:
    drawn = wsol.load_dataset("shapes", n=N)
    return wsol.evaluate("shapes_gap", drawn, "gradcam", "choe2020_v1", classifier=classifier, gallery=0, **options)


def of_command(classifier: str, runs: Path) -> pd.DataFrame:
    """The rows of `wsol run` with the same classifier."""
    return wsol.load(ran(made(*WORDS, f"classifier={classifier}"), runs).path).rows()


def test_a_name_and_the_loaded_network_give_the_rows_of_the_command(tmp_path: Path) -> None:
    expected = of_command("shapes_vgg", tmp_path)
    for given in ("shapes_vgg", wsol.load_classifier("shapes_vgg")):
        result = evaluated(given)
        pd.testing.assert_frame_equal(result.rows()[OF_CLASS], expected[OF_CLASS])
        assert "classes by shapes_vgg (embedded" in str(result.table())
    hits = "choe2020_v1/hit"
    assert (evaluated().rows()[hits] == expected[hits]).all()  # boxes are of the network behind the maps
    assert (evaluated().rows()["probability"] != expected["probability"]).any()


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_gives_the_rows_of_the_command(kind: type, tmp_path: Path) -> None:
    ids = evaluated().rows()["image_id"]
    file = tmp_path / "ranks.csv"
    file.write_text("\n".join(["image_id,rank", *(f"{one},{n % 7}" for n, one in enumerate(ids))]))
    found = evaluated(kind(file)).rows()
    assert found["rank"].tolist() == [n % 7 for n in range(N)]
    pd.testing.assert_frame_equal(found[["rank"]], of_command(str(file), tmp_path / "runs")[["rank"]])


def test_a_network_of_one_s_own_is_fed_as_the_model_is_and_left_as_it_was() -> None:
    torch.manual_seed(3)
    second = torch.nn.Sequential(Net(), torch.nn.Dropout(0.9), torch.nn.Linear(5, 5)).train()
    plain = {"input_size": 32, "mean": 0.5, "std": 0.25}
    alone = rows(second, data(), layers="0.body.3", **plain)
    found = rows(Net(), data(), classifier=second, **plain)
    assert found["rank"].tolist() == alone["rank"].tolist()
    np.testing.assert_allclose(found["probability"], alone["probability"], rtol=1e-5)
    assert found["probability"].tolist() != rows(Net(), data(), **plain)["probability"].tolist()
    assert all(part.training for part in second.modules())
    assert not second._forward_hooks
    assert not second._forward_pre_hooks


@pytest.mark.parametrize("wrap", [lambda net: net, torch.nn.DataParallel])
def test_the_network_itself_may_be_the_classifier(wrap: Callable[[torch.nn.Module], torch.nn.Module]) -> None:
    for classes, labels in ((5, (0, 1, 2, 3)), (1, (0, 1, 1, 0))):
        model = Net(classes=classes)
        itself = rows(model, data(labels), classifier=wrap(model))
        np.testing.assert_allclose(itself["probability"], rows(model, data(labels))["probability"], rtol=1e-6)
        assert not model._forward_hooks


def test_another_classifier_is_another_run(tmp_path: Path) -> None:
    other = Net()
    torch.nn.init.zeros_(other.head.bias)
    for classifier in (None, Net(), other, Net()):
        rows(Net(), data(), classifier=classifier, runs=tmp_path)
    assert len([*tmp_path.iterdir()]) == 3


@pytest.mark.parametrize(
    ("classifier", "error", "sentence"),
    [
        (Net(classes=4), DataError, "classifier Net knows 4 classes, and the network behind the maps 5"),
        ("resnet5", UnknownName, "there is no classifier 'resnet5'; nearest: 'resnet50'"),
        (7, ConfigError, "classifier is a int; expected a network, the name of one, or a .csv or .npz file"),
    ],
)
def test_what_cannot_say_the_class_is_refused(classifier: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        rows(Net(), data(), classifier=classifier)


def test_predicted_classes_alone_do_not_serve_a_metric_of_all_logits(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("\n".join(["image_id,rank", *(f"{n},0" for n in range(4))]))
    with pytest.raises(ConfigError, match=r"metric classification needs all logits, and c\.csv has predicted classes"):
        rows(Net(), data(), classifier=tmp_path / "c.csv", metrics="classification")
