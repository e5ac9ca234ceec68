"""A built wheel, installed into an empty environment and run from another folder, works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.full  # builds a wheel and an environment
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `wsol` script of a fresh environment that holds our wheel; the dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "wsol/conf/config.yaml" in names
    assert "wsol/benchmarks/choe2020.yaml" in names
    assert "wsol/py.typed" in names
    assert not any(name.startswith(("conf/", "tests/", "scripts/")) for name in names)
    place = folder / "env"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", wheel], check=True, capture_output=True
    )
    ours = next((place / "lib").glob("python*")) / "site-packages"
    (ours / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return place / "bin" / "wsol"


def clean() -> dict[str, str]:
    """The variables of this process without those that lead to the checkout."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}


def wsol(script: Path, where: Path, *words: str) -> str:
    done = subprocess.run([script, *words], cwd=where, env=clean(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_runs_from_another_folder(installed: Path, tmp_path: Path) -> None:
    checkout = subprocess.run(
        [installed.parent / "python", "-c", "import wsol; print(wsol.__file__)"],
        cwd=tmp_path,
        env=clean(),
        capture_output=True,
        text=True,
    )
    assert str(ROOT) not in checkout.stdout, "the environment must not see the checkout"
    wsol(installed, tmp_path, "run", "dataset.n=4", "method=[gradcam,layercam]", "metric=[]", "table=false")
    records = json.loads(wsol(installed, tmp_path, "table", "latest", "--format", "json"))
    assert {r["variant"] for r in records} == {"gradcam@stage5", "layercam@stage5"}


def test_the_wheel_finds_its_components(installed: Path, tmp_path: Path) -> None:
    for kind, known in [
        ("methods", "layercam"),
        ("datasets", "shapes"),
        ("protocols", "choe2020_v2"),
        ("views", "squash"),
    ]:
        assert known in wsol(installed, tmp_path, "list", kind)
    assert "choe2020" in wsol(installed, tmp_path, "list", "benchmarks")
    assert "ablate_layers" in wsol(installed, tmp_path, "list", "experiments")
    version = "import importlib.metadata as m, wsol.environment as e; assert m.version('wsol') == e.__version__"
    subprocess.run([installed.parent / "python", "-c", version], cwd=tmp_path, env=clean(), check=True)
