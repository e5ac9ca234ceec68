"""`wsol doctor`: is the installation sound, is the data what it should be, and what will a run take?"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.cli.options import RUNS, RUNS_DEFAULT, Command
from wsol.errors import ConfigError, LayerError, UnknownName, WsolError
from wsol.report.tables.render import print_table
from wsol.settings import compose_settings

if TYPE_CHECKING:
    from wsol.diagnosis import Finding

DESCRIPTION = """Check the installation. With dataset=... also the data: images and boxes are counted, the first
missing image is named, every image is decoded (once; --quick opens three) and its size compared with its annotation.
With model=... that it loads, and its input, stages and head; with method=... that the methods keep what every method
must (wsol.testing), on the network of model=... With both dataset=... and model=..., whether labels are in the
network's order, and what a run of the methods, protocols and metrics will take: time by variants and stages, memory,
disk; the package's own methods are taken to be sound then.

  wsol doctor
  wsol doctor dataset=cub paths.data=/data
  wsol doctor dataset=imagenet model=resnet50 method=[gradcam,layercam]
  wsol doctor --with my_cam.py method=[my_cam]

Exit codes: 0 sound, 1 something was found, 2 bad usage.
"""
USAGE = (UnknownName, ConfigError, LayerError)  # what was typed is wrong, not what was checked
PLACE = "paths.runs="
LISTED = 20  # damaged images that are printed; --json has all


def main(words: Sequence[str]) -> int:
    """Print findings; exit code 1 when one is bad."""
    from wsol.diagnosis.installation import installation

    parser = Command("doctor", DESCRIPTION, overrides=True)
    parser.add_argument("overrides", nargs="*", help="dataset=..., model=..., method=[...] and their options")
    parser.add_argument("--quick", action="store_true", help="open three images, and predict no time")
    parser.add_argument("--json", action="store_true", help="print one object")
    given = parser.read(words)
    places = [word.removeprefix(PLACE) for word in given.overrides if word.startswith(PLACE)]
    report = _Report(as_json=given.json)
    report.add("installation", installation(Path([os.environ.get(RUNS, RUNS_DEFAULT), *places][-1])))
    if given.overrides and report.sound:  # composing settings takes a sound installation
        _look_at(given.overrides, report, quick=given.quick)
    report.end()
    return int(not report.sound)


def _look_at(overrides: Sequence[str], report: _Report, *, quick: bool) -> None:
    """What the words choose. Raises WsolError for bad usage."""
    settings = compose_settings(overrides)
    groups = {word.lstrip("+~").partition("=")[0].partition(".")[0].removesuffix("s") for word in overrides}
    if "dataset" in groups:
        report.add("dataset", _dataset(settings, quick=quick, most=10**9 if report.as_json else LISTED))
    if groups & {"model", "method"}:
        report.add("model", _network(settings, groups))
    if report.sound and {"dataset", "model"} <= groups:
        report.add("run", _run(settings, report, quick=quick))


def _dataset(settings: Mapping[str, Any], *, quick: bool, most: int) -> Iterator[Finding]:
    from wsol.diagnosis.dataset import dataset

    yield from dataset(settings["dataset"], quick=quick, most=most)


def _network(settings: Mapping[str, Any], groups: Set[str]) -> Iterator[Finding]:
    """The network that the words choose, and whether their methods keep the contract on it."""
    from wsol.diagnosis.finding import Finding
    from wsol.diagnosis.methods import methods
    from wsol.diagnosis.network import network
    from wsol.evaluation.build import load_model

    classifier = load_model(settings["model"])
    if "model" in groups:
        known = f"model {classifier.name}: {classifier.num_classes} classes, weights {classifier.weights_id}"
        yield Finding("ok", "model", known)
        yield from network(classifier)
    if "method" in groups:
        yield from methods(settings, classifier, outside_only={"dataset", "model"} <= groups)


def _run(settings: Mapping[str, Any], report: _Report, *, quick: bool) -> Iterator[Finding]:
    """Whether the network knows the labels, and what a run takes."""
    from wsol.diagnosis.labels import label_order
    from wsol.diagnosis.run import run_findings, stage_rows, variant_rows
    from wsol.evaluation.build import experiment_from
    from wsol.evaluation.forecast import forecast

    experiment = experiment_from(settings)
    yield from label_order(experiment)
    if not quick:
        prediction = forecast(experiment)
        yield from run_findings(experiment, prediction, Path(settings["paths"]["runs"]))
        report.tables = {
            "variants": variant_rows(experiment, prediction),
            "stages": stage_rows(prediction),
        }


class _Report:
    """Prints findings as they come, each once, or all of them as JSON at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.findings: dict[Finding, None] = {}
        self.tables: dict[str, list[dict[str, Any]]] = {}

    @property
    def sound(self) -> bool:
        return all(finding.state != "bad" for finding in self.findings)

    def add(self, about: str, findings: Iterable[Finding]) -> None:
        """Take findings, and what goes wrong on the way as one more. Raises WsolError for bad usage."""
        from wsol.diagnosis.finding import Finding

        try:
            for finding in findings:
                if finding not in self.findings:
                    self.findings[finding] = None
                    if not self.as_json:
                        print(f"{finding.state:<5}{finding.text}", flush=True)
        except USAGE:
            raise
        except WsolError as error:
            self.add(about, [Finding("bad", about, str(error))])

    def end(self) -> None:
        """The tables, or everything as JSON."""
        if self.as_json:
            findings = [asdict(finding) for finding in self.findings]
            json.dump({"sound": self.sound, "findings": findings, **self.tables}, sys.stdout, indent=1)
            print()
            return
        for name, rows in self.tables.items():
            print(f"\n{name}")
            print_table([{key: _shown(value) for key, value in row.items()} for row in rows])


def _shown(value: Any) -> Any:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else value
