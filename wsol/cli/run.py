"""`wsol run`: a Hydra app. Overrides, `--cfg job`, `-m`, `--config-dir`, launchers and sweepers all work."""

from __future__ import annotations

import os
import sys
import textwrap
import traceback
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from wsol.cli.options import Command
from wsol.errors import ConfigError, RowsFailed, WsolError, first_line
from wsol.settings import choices

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from wsol.cli.launch import Outcome
    from wsol.settings.compose import Request

DESCRIPTION = """Run every chosen method over a dataset and print the table. The same command resumes, and computes only
what is missing.

  wsol run dataset=shapes model=shapes_gap method=[cam,gradcam,layercam]
  wsol run 'method=[layercam@stage4,layercam@stage3-5[gamma=2]]'
  wsol run method=layercam methods.layercam.layers=[stage4,stage3-5] methods.layercam.gamma=[1,2,4]
  wsol run 'protocol=choe2020_v2[normalize=max]'
  wsol run method=fast --dry
  wsol run -m model=resnet50,vgg16 dataset=ilsvrc
  wsol run -m 'model=resnet50[weights=a.pth],vgg16[weights=b.pth]' dataset=ilsvrc
  wsol run model=[resnet50,vgg16] dataset=ilsvrc
  wsol run --with my_cam.py method=[my_cam,gradcam]
  wsol run claim='layercam@stage4 > gradcam@stage4 on choe2020_v2/maxboxacc_v2' method=[layercam@stage4,gradcam@stage4]

A list makes several rows in one run; of dataset, model or view it makes a run each, and one table. -m makes several
runs, each with its table. Layers joined by + are fused. A choice is written
name@layers[option=value,...], as tables print it; layers are stage5, stage3-5, stage4+5, last, last-1, all, each.
dataset=PATH looks what is there (ImageNet, CUB, VOC, COCO, YOLO, a CSV, Parquet, ...) and says what it took it for;
PATH may be a URL.
Groups: dataset model method protocol metric view engine experiment (see `wsol list`).
All settings and their values: wsol run --cfg job
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a job that failed returns, so that the other jobs of a sweep run and the sweep can count."""

    error: str
    exit_code: int

    def __float__(self) -> float:
        """A sweeper that asks for the job's number gets the error. Raises RowsFailed."""
        raise RowsFailed(self.error)


def main(words: Sequence[str]) -> int:
    """Run one experiment, or with `-m` several; returns the exit code."""
    parser = _parser()
    given = parser.read(words)
    if given.help:
        print(f"{parser.format_help()}\n{names()}")
        return 0
    from wsol.settings.compose import NAME, checked, explained, hydra_app

    with hydra_app() as app:
        if given.completion:
            app.shell_completion(NAME, [given.completion])
            return 0
        request = checked(given.overrides, multirun=given.multirun, lists=True)
        overrides = list(request.words)
        try:
            if given.cfg:
                app.show_cfg(NAME, overrides, given.cfg, given.package, given.resolve)
                return 0
            if given.info:
                app.show_info(given.info, NAME, overrides)
                return 0
            job = partial(
                _job,
                sources=choices.sources(),
                swept=request.swept,
                dry=given.dry,
                verify=given.verify,
                table=not request.together,
            )
            if not request.multirun:
                return _single(app.run(NAME, job, overrides).return_value)
            returned = app.multirun(NAME, job, overrides)
            # None is of a sweeper that keeps the results, as Optuna's does, and raises for failures itself
            return 0 if returned is None else _several(_flat(returned), request)
        except WsolError:
            raise
        except Exception as error:  # a job's own are caught in it: this is Hydra's, a launcher's or a sweeper's
            if os.environ.get("WSOL_TRACE"):
                raise
            sentence = explained(error)
            raise (RowsFailed(str(sentence)) if request.multirun else sentence) from error


def names() -> str:
    """What can be chosen, the user's own files and installed packages included."""
    lines = []
    for group in ("method", "protocol", "metric", "dataset", "view", "experiment"):
        text = f"{group}: {' '.join(choices.names(group))}"
        lines.append(textwrap.fill(text, 118, subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join(lines) + "\nmodel: see `wsol list models`"


def _parser() -> Command:
    parser = Command("run", DESCRIPTION, overrides=True, own_help=True)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=NAME, group.option=VALUE, ~group")
    parser.add_argument("-m", "--multirun", action="store_true", help="one run for each value of a,b")
    parser.add_argument("--dry", action="store_true", help="print variants, passes, time and memory; run nothing else")
    parser.add_argument(
        "--verify", action="store_true", help="read every image and every file of rows again, whatever is remembered"
    )
    parser.add_argument("--cfg", "-c", choices=("job", "hydra", "all"), help="print the composed configuration")
    parser.add_argument("--package", "-p", help="for --cfg: only this part")
    parser.add_argument("--resolve", action="store_true", help="for --cfg: with references resolved")
    parser.add_argument(
        "--shell-completion", "-sc", dest="completion", help="install=SHELL or uninstall=SHELL, for eval"
    )
    parser.add_argument(
        "--info",
        choices=("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
        help="print what Hydra knows of the configuration",
    )
    parser.add_argument("-h", "--help", action="store_true", help="print this and all names")
    return parser


def _job(
    config: DictConfig, *, sources: choices.Sources, swept: frozenset[str], dry: bool, verify: bool, table: bool
) -> Outcome | Failure:
    """One run, perhaps in another process; what came of it, or how it failed."""
    from wsol.cli import configure_logging, is_of_stdout, refused, unwritten
    from wsol.cli.launch import outcome
    from wsol.datasets.contents import reading_all
    from wsol.settings.compose import plain

    configure_logging()
    choices.use(sources.files, [str(folder) for folder in sources.folders])
    try:
        with reading_all() if verify else nullcontext():
            return outcome(plain(config), dry=dry, table=table)
    except (Exception, SystemExit) as error:  # one failed job must not stop the others of a sweep
        if is_of_stdout(error):  # the rows are there, but their table can't be printed
            return Failure(first_line(error), unwritten(error))
        of_a_path = isinstance(error, OSError) and error.filename is not None
        if os.environ.get("WSOL_TRACE") or not (isinstance(error, WsolError) or of_a_path):
            traceback.print_exc()
        text = refused(error) if isinstance(error, OSError) and of_a_path else f"{type(error).__name__}: {error}"
        code = 2 if of_a_path else error.exit_code if isinstance(error, WsolError) else 1
        print(f"wsol: {text}{_words(swept)}", file=sys.stderr, flush=True)
        return Failure(text, code)


def _words(swept: frozenset[str]) -> str:
    """The overrides by which this job differs from the others of its sweep."""
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    keys = {*swept, *(hydra.sweeper.get("params") or {})}
    differing = [word for word in hydra.overrides.task if word.partition("=")[0].lstrip("+") in keys]
    return f" ({' '.join(differing)})" if differing else ""


def _single(result: Outcome | Failure) -> int:
    return result.exit_code if isinstance(result, Failure) else 0


def _several(results: Sequence[Any], request: Request) -> int:
    """Say how many jobs are done; the exit code is the failures' where all failed alike, else 1."""
    failures = [result for result in results if isinstance(result, Failure)]
    if not results:
        raise ConfigError(f"0 jobs: {' '.join(request.words[1:])} leaves nothing to run")
    print(f"wsol: {len(results) - len(failures)} of {len(results)} jobs done", file=sys.stderr)
    if request.together and len(failures) < len(results):
        from wsol.cli.launch import show_together

        show_together([result for result in results if not isinstance(result, Failure)])
    codes = {failure.exit_code for failure in failures}
    if not failures:
        return 0
    return codes.pop() if len(failures) == len(results) and len(codes) == 1 else 1


def _flat(returned: Any) -> list[Any]:
    """What the jobs returned, of a sweeper's batches of Hydra's `JobReturn`; raises what Hydra itself caught."""
    if isinstance(returned, Iterable):
        return [result for batch in returned for result in _flat(batch)]
    return [returned.return_value]
