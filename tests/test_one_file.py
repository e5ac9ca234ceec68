"""A new method, metric, view or protocol of the package is one file: nothing else names it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.methods.contract import check_record
from tests.methods.nets import TinyGAP, make_images, make_net
from tests.metrics import test_metric_contract as metric_contract
from tests.metrics.conftest import MakeCase, make_case, net  # noqa: F401 - fixtures
from wsol.cli import main
from wsol.cli.new import METHOD, METRIC, PROTOCOL
from wsol.methods._base import methods
from wsol.metrics._base import metrics
from wsol.protocols._base import protocols
from wsol.registry import Registry
from wsol.testing import RULES, Trial
from wsol.views import views

VIEW = '''"""The middle of the image."""

from wsol.views._base import Layout, View, center_crop, view


@view("{key}", about="the middle of the image, at twice the input's side")
class {title}(View):
    """The middle of the image."""

    def layout(self, size_wh: tuple[int, int]) -> Layout:
        return center_crop(self.side, (2 * self.side, 2 * self.side), size_wh)
'''
ADDED: dict[str, tuple[Registry, str]] = {
    "addedcam": (methods, METHOD),
    "added_share": (metrics, METRIC),
    "added2026": (protocols, PROTOCOL),
    "added_middle": (views, VIEW),
}


@pytest.fixture(autouse=True)
def files_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One file more in each room's folder; all is forgotten after the test."""
    for key, (registry, text) in ADDED.items():
        folder = tmp_path / registry.package
        folder.mkdir()
        (folder / f"{key}.py").write_text(text.format(key=key, title=key.title().replace("_", "")))
        package = importlib.import_module(registry.package)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
        registry.__dict__.pop("_files", None)
    yield
    for key, (registry, _) in ADDED.items():
        registry.__dict__.pop("_files", None)
        registry._members.pop(key, None)
        sys.modules.pop(f"{registry.package}.{key}", None)


@pytest.mark.parametrize("key", ADDED)
def test_it_is_listed_and_offered_without_being_imported(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    registry, _ = ADDED[key]
    assert main(["run", "--help"]) == 0
    assert key in capsys.readouterr().out
    assert f"{registry.package}.{key}" not in sys.modules
    assert main(["list", f"{registry.kind}s", "--json"]) == 0
    assert key in {row[registry.kind] for row in json.loads(capsys.readouterr().out)}


def test_a_run_takes_all_four(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["method=addedcam", "metric=added_share", "protocol=added2026", "view=added_middle"]
    runs = ["--runs", str(tmp_path / "runs")]
    assert main(["run", *words, "dataset.limit=2", "gallery=0", "table=false", *runs]) == 0
    capsys.readouterr()
    assert main(["table", "--json", *runs]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["variant"] for row in rows} == {"addedcam@stage5"}
    assert {"added_share", "gt_known_loc"} <= {row["metric"] for row in rows}
    assert "added2026" in {row["protocol"] for row in rows}


def test_every_method_has_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "experiment=every_method", "--cfg", "job"]) == 0
    assert "addedcam:" in capsys.readouterr().out


def test_the_contract_of_methods_holds_it() -> None:
    check_record("addedcam")
    trial = Trial(methods["addedcam"](), make_net(TinyGAP), make_images(), (0, 3, 4), ("block",))
    assert [rule(trial) for rule in RULES] == [None] * len(RULES)


def test_the_contract_of_metrics_holds_it(make_case: MakeCase) -> None:  # noqa: F811
    for kind in metric_contract.MAPS:
        metric_contract.test_columns_are_plain_and_finite_and_survive_json("added_share", kind, make_case)
    metric_contract.test_names_are_unique_and_columns_exist("added_share", make_case)
    metric_contract.test_measuring_twice_gives_the_same_row_and_leaves_the_case_alone("added_share", make_case)


def test_a_file_under_another_name_than_its_key_says_so(tmp_path: Path) -> None:
    file = tmp_path / "wsol.methods" / "addedcam.py"
    file.write_text(file.read_text().replace('"addedcam"', '"othercam"'))
    with pytest.raises(
        Exception, match=r"wsol/methods/addedcam.py registers no method called 'addedcam'; name the file"
    ):
        methods["addedcam"]
    methods._members.pop("othercam")
