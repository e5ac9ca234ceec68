"""`wsol run`: a Hydra app. Overrides, `--cfg job`, `-m`, `--config-dir` and shell completion all work."""

from __future__ import annotations

import logging
import os
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from wsol.cli import choices
from wsol.environment import conf_dir
from wsol.errors import WsolError

log = logging.getLogger(__name__)

HELP = """usage: wsol run [OVERRIDE ...] [--with FILE ...] [-m] [--cfg job] [--config-dir DIR]

Runs every chosen method over a dataset and prints the table. The same command again computes only what is missing.

  wsol run dataset=shapes model=shapes_gap method=[cam,gradcam,layercam]
  wsol run method=layercam methods.layercam.layers=[stage4,stage3+stage4+stage5] methods.layercam.gamma=[1,2,4]
  wsol run protocol=choe2020_v2 protocol.normalise=max
  wsol run -m model=resnet50,vgg16 dataset=ilsvrc
  wsol run --with my_cam.py method=[my_cam,gradcam]

A list makes several rows in one run; `-m` makes several runs. Layers joined by + are fused.
Groups: dataset model method protocol metric engine experiment (see `wsol list ...`).
All settings and their values: wsol run --cfg job
"""


def main(words: Sequence[str], *, typed: str | None = None) -> int:
    """Run one experiment, or with `-m` several; returns the exit code. `typed` is the line a shell wants completed."""
    rest = choices.load_with(list(words))
    if any(word in ("-h", "--help") for word in words):
        print(HELP + names())
        return 0
    rest = choices.flags_first(choices.rewrite(rest))
    choices.store(rest, typed=typed)
    outcomes: list[tuple[str, Exception | None]] = []

    def job(config: Any) -> None:
        name = _overrides()
        try:
            from wsol.cli.launch import run_job

            run_job(config)
            outcomes.append((name, None))
        except Exception as error:  # one failed job must not stop the others of a sweep
            outcomes.append((name, error))
            if os.environ.get("WSOL_TRACE") or not isinstance(error, WsolError):
                traceback.print_exc()

    _hydra(job, rest)
    failures = [(name, error) for name, error in outcomes if error is not None]
    for name, error in failures:
        place = f" ({name})" if len(outcomes) > 1 and name else ""
        print(f"wsol: {type(error).__name__}: {error}{place}", file=sys.stderr)
    if len(outcomes) > 1:
        print(f"wsol: {len(outcomes) - len(failures)} of {len(outcomes)} jobs done", file=sys.stderr)
    if not failures:
        return 0
    codes = {error.exit_code if isinstance(error, WsolError) else 1 for _, error in failures}
    return codes.pop() if len(failures) == len(outcomes) and len(codes) == 1 else 1


def names() -> str:
    """What can be chosen, own files and installed packages included."""
    lines = []
    for group in ("method", "protocol", "metric", "dataset", "view", "experiment"):
        text = f"{group}: {' '.join(choices.names(group))}"
        lines.append(textwrap.fill(text, 118, subsequent_indent="  ", break_on_hyphens=False))
    return "\n" + "\n".join(lines) + "\nmodel: see `wsol list models`"


def _hydra(job: Callable[[Any], None], words: Sequence[str]) -> None:
    """Run `job` as Hydra would from the command line, with its errors as our sentences."""
    import hydra

    full = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing and exiting with 1
    completing = {"-sc", "--shell-completion"} & set(words)  # the shell completes a program, which is called wsol
    argv, sys.argv = sys.argv, ["wsol" if completing else "wsol run", *words]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(job)()
    except Exception as error:  # the job's own are caught in it: this is Hydra's or OmegaConf's
        if full:
            raise
        raise choices.explained(error, words) from error
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR")
        if full:
            os.environ["HYDRA_FULL_ERROR"] = full


def _overrides() -> str:
    from hydra.core.hydra_config import HydraConfig

    return " ".join(HydraConfig.get().overrides.task)
