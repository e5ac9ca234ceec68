"""`wsol export`: rows and numbers for other tools, without torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.cli.options import Command, number
from wsol.errors import ConfigError, OutputError, WsolError, first_line
from wsol.options import ShareBelowOne
from wsol.runs.find import open_run
from wsol.runs.write import write_text, write_whole

if TYPE_CHECKING:
    from wsol.runs.folder import RunFolder

OTHERWISE = "choose another place"
DESCRIPTION = """Write rows or numbers of a run for other tools.

  wsol export latest --csv rows.csv --parquet rows.parquet    one row per image and variant, as wsol.load gives
  wsol export latest --coco boxes.json --variant layercam     COCO results, and boxes.gt.json with the same ids
  wsol export latest --coco boxes.json --annotations instances.json   COCO results with the ids of that file
  wsol export latest --result gradcam.json    every number with its interval, fingerprint and command, for the board
  wsol export latest --tensorboard tb/ --mlflow sqlite:///mlflow.db --wandb PROJECT
"""


def main(words: Sequence[str]) -> int:
    """Write what is asked for; print the names of the files."""
    parser = Command("export", DESCRIPTION, reads=True)
    parser.add_argument("run", nargs="?", default="latest", help="a run folder, the beginning of its name, or latest")
    parser.add_argument("--csv", type=Path, help="rows without curves, as CSV")
    parser.add_argument("--parquet", type=Path, help="rows with curves and boxes, as one Parquet file")
    parser.add_argument("--coco", type=Path, help="predicted boxes as COCO results (one file per variant)")
    parser.add_argument(
        "--annotations", type=Path, help="for --coco: the data set's own COCO file, whose ids are taken"
    )
    parser.add_argument("--variant", default="", help="for --coco: only this variant")
    parser.add_argument("--protocol", default="", help="for --coco: whose boxes (default: the first with one each)")
    parser.add_argument(
        "--tau", type=number(ShareBelowOne), help="for --coco: threshold (default: the best of the run)"
    )
    parser.add_argument("--result", "-o", type=Path, help="the run's result file, as docs/board is made of")
    parser.add_argument(
        "--tau-from", default="oracle", help="for --result: oracle, split-half, per-image; several by commas"
    )
    parser.add_argument("--tensorboard", type=Path, help="folder for TensorBoard event files")
    parser.add_argument("--mlflow", help="MLflow tracking URI")
    parser.add_argument("--wandb", help="Weights & Biases project")
    chosen = parser.read(words)
    folder = open_run(chosen.run, chosen.runs)
    written: list[object] = []
    if chosen.csv or chosen.parquet:
        written += _rows(folder, chosen.csv, chosen.parquet)
    if chosen.coco:
        written += _coco(folder, chosen.coco, chosen.variant, chosen.protocol, chosen.tau, chosen.annotations)
    if chosen.result:
        written += _result(folder, chosen.result, chosen.tau_from)
    if chosen.tensorboard or chosen.mlflow or chosen.wandb:
        written += _track(folder, chosen.tensorboard, chosen.mlflow, chosen.wandb)
    if not written:
        raise ConfigError("say what to write: --csv, --parquet, --coco, --result, --tensorboard, --mlflow or --wandb")
    for place in written:
        print(place)
    return 0


def _rows(folder: RunFolder, csv: Path | None, parquet: Path | None) -> list[object]:
    from wsol.report.export.frame import frame, spreadsheet_safe

    if csv:
        rows = spreadsheet_safe(frame(folder.path))
        write_whole(csv, lambda beside: rows.to_csv(beside, index=False), otherwise=OTHERWISE)
    if parquet:
        whole = frame(folder.path, lists=True)
        write_whole(parquet, lambda beside: whole.to_parquet(beside, index=False), otherwise=OTHERWISE)
    return [place for place in (csv, parquet) if place]


def _coco(
    folder: RunFolder, place: Path, variant: str, protocol: str, tau: float | None, reference: Path | None
) -> list[object]:
    from wsol.datasets.formats.coco import Coco
    from wsol.report.export.coco import coco_files, single_box_protocol
    from wsol.report.tables.sides import variant_key

    variants = [variant_key(folder, variant)] if variant else list(folder.about().variants)
    name = single_box_protocol(folder, protocol)
    ids = Coco(images=None, annotations=reference).coco_ids() if reference else None
    files = coco_files(folder, variants, name, place, tau=tau, ids=ids)
    for file, content in files.items():
        write_text(file, json.dumps(content), otherwise=OTHERWISE)
    return list(files)


def _result(folder: RunFolder, place: Path, tau_from: str) -> list[object]:
    from wsol.report.export.result_file import text_of
    from wsol.report.export.run_result import result_of
    from wsol.report.numbers.thresholds import settings_of

    taus = [tau.strip() for tau in tau_from.split(",") if tau.strip()]
    result = result_of(folder, settings_of(taus, folder.path.parent, of=folder))
    write_text(place, text_of(result), otherwise=OTHERWISE)
    return [place]


def _track(folder: RunFolder, tensorboard: Path | None, mlflow: str | None, wandb: str | None) -> list[object]:
    from wsol.report.export.trackers import to_mlflow, to_tensorboard, to_wandb
    from wsol.report.numbers.summary import summarize

    summary = summarize(folder)
    writers: dict[str, tuple[Any, Callable[[], str]]] = {
        "--tensorboard": (tensorboard, lambda: to_tensorboard(summary, Path(tensorboard or ""))),
        "--mlflow": (mlflow, lambda: f"mlflow run {to_mlflow(summary, mlflow or '')}"),
        "--wandb": (wandb, lambda: f"wandb run {to_wandb(summary, wandb or '')}"),
    }
    written: list[object] = []
    for option, (place, write) in writers.items():
        if not place:
            continue
        try:
            written.append(write())
        except WsolError:
            raise
        except Exception as error:  # theirs, of any kind: a server that isn't there, a store that can't be written
            raise OutputError(f"{option} {place} can't be written: {first_line(error)}; {OTHERWISE}") from error
    return written
