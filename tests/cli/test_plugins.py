"""A new method is one file: by `--with`, and from an installed package's entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsol.cli import main
from wsol.methods._base import methods
from wsol.metrics._base import metrics
from wsol.protocols._base import protocols
from wsol.stats import reductions

FEW = ["dataset.n=4", "metric=[]", "protocol=[choe2020_v1]", "table=false"]


def wsol(where: Path, *words: str, path: Path | None = None, code: int = 0) -> str:
    """The command in a process of its own; what it answers, or for code 2 complains of."""
    paths = [str(path or ""), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, "-m", "wsol", *words], cwd=where, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code == 2 else done.stdout


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    """Commands in this process and a folder of their own; what `--with` brings in is forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    registries = (methods, metrics, protocols)
    before = [{**registry} for registry in registries]
    here = Here(capsys)
    yield here
    here.forget()
    for registry, members in zip(registries, before, strict=True):
        registry._members.clear()
        registry._members.update(members)


class Here:
    """`here(...)` is one command."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        self.forget()
        assert main([*words]) == code
        return self.capsys.readouterr().out

    def forget(self) -> None:
        """Import files anew at the next command, as a new process would."""
        for name in [name for name in sys.modules if name.startswith("wsol_with_")]:
            del sys.modules[name]


@pytest.fixture
def my_cam(here: Here) -> Path:
    assert "wsol run --with my_cam.py method=[my_cam," in here("new", "method", "my_cam")
    return Path("my_cam.py")


@pytest.mark.full
def test_a_file_outside_the_repository_is_listed_and_has_a_row_in_the_table(tmp_path: Path) -> None:
    assert "wsol run --with my_cam.py method=[my_cam," in wsol(tmp_path, "new", "method", "my_cam")
    assert "my_cam" in wsol(tmp_path, "list", "methods", "--with", "my_cam.py")
    assert "my_cam" in wsol(tmp_path, "run", "--help", "--with", "my_cam.py")
    wsol(tmp_path, "run", *FEW, "--with", "my_cam.py", "method=[my_cam,gradcam]", "methods.my_cam.power=[1,2]")
    records = json.loads(wsol(tmp_path, "table", "--json"))
    assert {r["variant"] for r in records} == {"gradcam@stage5", "my_cam@stage5", "my_cam@stage5[power=2]"}


def test_started_metrics_and_protocols_run_as_they_are(here: Here) -> None:
    for kind in ("metric", "protocol"):
        here("new", kind, f"started_{kind}", "-o", f"{kind}.py")
    files = ["--with", "metric.py", "--with", "protocol.py"]
    chosen = ["metric=[started_metric]", "protocol=[started_protocol]", "method=[gradcam]", "dataset.n=4"]
    here("run", *files, *chosen, "table=false")
    records = json.loads(here("table", "--json", *files))
    assert {"started_metric", "gt_known_loc"} <= {r["metric"] for r in records}
    del metrics._members["started_metric"]
    assert json.loads(here("table", "--json")) == records  # rows say all that a mean needs


def test_a_pooled_number_of_another_s_metric_needs_its_file(here: Here) -> None:
    here("new", "metric", "pooled2026", "-o", "metric.py")
    text = (
        Path("metric.py")
        .read_text()
        .replace("import MetricInput, Columns, mean", "import MetricInput, Columns, Score, mean")
    )
    most = "Score(name='most', label='Most', of=lambda columns, weights: weights[:, 0] * 0 + max(columns['share']))"
    Path("metric.py").write_text(text.replace("percent=True),)", f"percent=True), {most})"))
    given = ["--with", "metric.py"]
    here("run", *given, "metric=[pooled2026]", "method=[gradcam]", "dataset.n=4", "gallery=0", "table=false")
    reductions._known.pop("pooled2026.most", None)  # as in a new process
    whole = json.loads(here("table", "--json", *given))
    assert "most" in {r["metric"] for r in whole}
    reductions._known.pop("pooled2026.most")
    del metrics._members["pooled2026"]
    assert main(["table", "--json"]) == 0
    told = here.capsys.readouterr()
    assert json.loads(told.out) == [r for r in whole if r["metric"] != "most"]
    assert "metric pooled2026 is not known here and left out; name its file: --with pooled2026.py" in told.err


def test_an_edited_file_gets_new_rows(my_cam: Path, here: Here) -> None:
    words = ("run", *FEW, "--with", "my_cam.py", "method=[my_cam]")
    here(*words)
    (first,) = Path().glob("results/runs/*/rows/*.parquet")
    my_cam.write_text(my_cam.read_text().replace(".sum(1).relu()", ".mean(1).relu()"))
    here(*words)
    assert len(list(first.parent.glob("*.parquet"))) == 2


def test_an_edited_metric_gets_new_rows(here: Here) -> None:
    """Else the numbers, and the failures, of the file before it was mended would stay."""
    here("new", "metric", "mended2026", "-o", "metric.py")
    whole = Path("metric.py").read_text()
    words = ("run", *FEW, "--with", "metric.py", "metric=[mended2026]", "method=[gradcam]", "gallery=0")
    Path("metric.py").write_text(whole.replace("return {", "raise KeyError(7)\n        return {"))
    here(*words, code=1)
    metrics._members.pop("mended2026")
    Path("metric.py").write_text(whole)
    here(*words)
    assert json.loads(here("table", "--json", "--metric", "mended2026"))[0]["n"] > 0


def test_the_doctor_says_whether_a_method_keeps_the_contract(my_cam: Path, here: Here) -> None:
    words = ("doctor", "method=[my_cam]", "--with", "my_cam.py")
    assert "ok   method my_cam@stage5 keeps the 9 rules of every method, on shapes_gap" in here(*words)
    my_cam.write_text(my_cam.read_text().replace('("activations", "gradients")', '("activations",)'))
    found = here(*words, code=1)
    assert "bad  my_cam@stage5: LookupError: this method uses gradients but does not declare" in found


def test_a_file_that_does_not_import_says_so(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nosuchmodule")
    told = wsol(tmp_path, "list", "methods", "--with", "broken.py", code=2)
    assert "--with" in told
    assert "No module named 'nosuchmodule'" in told
    assert "Traceback" not in told


@pytest.mark.full
def test_an_installed_package_with_an_entry_point_is_found(my_cam: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "my_cam_package-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "my_cam_package.py").write_text(my_cam.read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-cam-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wsol.methods]\nmy_cam = my_cam_package:MyCam\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "my_cam" in wsol(elsewhere, "list", "methods", path=site)
    wsol(elsewhere, "run", *FEW, "method=[my_cam]", path=site)
    assert {r["method"] for r in json.loads(wsol(elsewhere, "table", "--json"))} == {"my_cam"}


@pytest.mark.full
def test_two_owners_of_a_name_are_refused(tmp_path: Path) -> None:
    assert "there is a method 'gradcam' already" in wsol(tmp_path, "new", "method", "gradcam", code=2)
    wsol(tmp_path, "new", "method", "mine")
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace('"mine"', '"gradcam"'))
    told = wsol(tmp_path, "list", "methods", "--with", "mine.py", code=2)
    assert "two methods are named 'gradcam'" in told


def test_new_refuses_names_and_places_that_would_not_work(tmp_path: Path) -> None:
    assert "is not a valid key" in wsol(tmp_path, "new", "method", "My-CAM", code=2)
    wsol(tmp_path, "new", "method", "twice")
    assert "exists already" in wsol(tmp_path, "new", "method", "twice", code=2)
    assert "nearest: 'method'" in wsol(tmp_path, "new", "metod", "x", code=2)
