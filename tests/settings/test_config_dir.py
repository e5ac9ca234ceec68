"""A folder of configuration may choose and set, but runs no code, and is small when read."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsol.cli import main
from wsol.errors import ConfigError, WsolError
from wsol.settings import choices, compose_settings

CODE = "{_target_: os.system, command: touch ran}"
FACTORY = "{version: 1, handlers: {x: {(): os.system, command: touch ran}}}"


@pytest.fixture(autouse=True)
def no_sources() -> object:
    yield
    choices.use()


def folder_with(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = tmp_path / "conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "conf"


def experiment(text: str) -> dict[str, str]:
    return {"experiment/theirs.yaml": f"# @package _global_\n{text}\n"}


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    ("files", "key"),
    [
        (experiment(f"hydra: {{callbacks: {{x: {CODE}}}}}"), "hydra.callbacks"),
        (experiment(f"hydra: {{job_logging: {FACTORY}}}"), "hydra.job_logging"),
        (experiment(f"hydra: {{hydra_logging: {FACTORY}}}"), "hydra.hydra_logging"),
        (experiment("hydra: {job: {env_set: {LD_PRELOAD: /tmp/theirs.so}}}"), "hydra.job.env_set"),
        (experiment("hydra: {sweeper: {_target_: os.system}}"), "hydra.sweeper"),
        (
            {
                **experiment("defaults: [override /hydra/launcher: theirs]"),
                "hydra/launcher/theirs.yaml": "_target_: os.system\n",
            },
            "hydra/launcher/theirs",
        ),
        (
            {
                **experiment("defaults: [override /dataset: theirs]"),
                "dataset/theirs.yaml": f"# @package hydra\ncallbacks: {{x: {CODE}}}\n",
            },
            "",
        ),
    ],
)
@pytest.mark.parametrize("sweep", [[], ["-m"]])
def test_what_hydra_would_run_as_code_is_refused(
    sweep: list[str],
    files: dict[str, str],
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ["--config-dir", str(folder_with(tmp_path, files)), f"paths.runs={tmp_path / 'runs'}"]
    assert main(["run", *sweep, *where, "experiment=theirs", "method=gradcam"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert key in last
    assert not (tmp_path / "ran").exists()
    assert not list(tmp_path.glob("runs/*/run.json"))


def test_values_to_sweep_are_for_files_to_say(tmp_path: Path) -> None:
    choices.use(folders=[str(folder_with(tmp_path, experiment("seed: 3\nhydra: {sweeper: {params: {seed: '1,2'}}}")))])
    assert compose_settings(["experiment=theirs"])["seed"] == 3


def test_aliases_of_aliases_are_refused_before_they_unfold(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match=r"theirs\.yaml unfolds to more than 100000 values"):
        choices.use(folders=[str(folder_with(tmp_path, experiment("\n".join(lines))))])


def test_a_file_of_something_else_than_settings_is_refused(tmp_path: Path) -> None:
    choices.use(folders=[str(folder_with(tmp_path, {"dataset/theirs.yaml": "- 1\n- 2\n"}))])
    with pytest.raises(WsolError, match=r"theirs"):
        compose_settings(["dataset=theirs"])
