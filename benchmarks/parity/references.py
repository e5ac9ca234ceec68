"""Published evaluators, run from their own repositories beside our protocols: does every bit agree?

wsol parity --reference wsolevaluation=PATH --maps 100000

PATH is a clone of the repository; its code runs in this process. Nothing of it is in ours. Where no clone is at hand,
tests/reference/wsolevaluation has the same rules, written anew.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from wsol.errors import ConfigError, first_line, unknown
from wsol.localization.frame import frame_of
from wsol.localization.localize import localize
from wsol.localization.records import ImageMap
from wsol.protocols import protocols
from wsol.registry import load_file
from wsol.views import view_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

fuzz = load_file(Path(__file__).with_name("fuzzed_maps.py"))
TAUS = np.arange(0, 1, 0.001)  # the evaluator's own
LEVELS = np.unique(np.floor(TAUS * 255), return_index=True)[1]  # those of them at which a grey level is crossed
WHOLE = 16  # every 16th map is cut at all thresholds; others at those of `LEVELS`, which are all that differ
TOGETHER = 128  # maps in memory at a time
ALIASES = ("float", "int", "bool")  # that NumPy had when these repositories were written


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How often a published evaluator and we give different numbers; equal means equal bits.

    Attributes
    ----------
    what : which number, of which protocol. compared : how many numbers, of n cases; different : how many of them.
    """

    reference: str
    what: str
    n: int
    compared: int
    different: int
    largest: float


def agreements(given: Sequence[str], *, maps: int, seed: int = 0) -> list[Agreement]:
    """A row for each number of each reference that is given as ``NAME=PATH``.

    Raises
    ------
    ConfigError : an unknown name (nearest one given), or a repository that can't be imported.
    """
    rows = []
    for word in given:
        name, equals, path = word.partition("=")
        if not equals:
            raise ConfigError(f"--reference {word}: write NAME=PATH, for example wsolevaluation=../wsolevaluation")
        if name not in REFERENCES:
            raise unknown("reference", name, REFERENCES, error=ConfigError)
        rows += REFERENCES[name](Path(path), maps, seed)
    return rows


def _wsolevaluation(folder: Path, maps: int, seed: int) -> list[Agreement]:
    """clovaai/wsolevaluation: boxes at every threshold, their best IoU and number, and true boxes at 224 pixels."""
    with _imported(folder, "evaluation.py") as module, _aliases():
        several = "multi_contour_eval" in inspect.signature(module.compute_bboxes_from_scoremaps).parameters
        options = {"choe2020_v1": {"multi_contour_eval": False} if several else {}}
        if several:
            options["choe2020_v2"] = {"multi_contour_eval": True}
        tallies = [_Tally(f"best IoU, {preset}") for preset in options]
        truth = _Tally("ground-truth boxes at 224 pixels")
        cases = fuzz.cases(maps, seed=seed)
        for start in range(0, maps, TOGETHER):
            some = list(islice(cases, TOGETHER))
            for tally, (preset, given) in zip(tallies, options.items(), strict=True):
                _count_boxes(tally, module, some, preset, given, start)
            for case in some:
                truth.add(*_true_boxes(module, case))
        return [tally.agreement(module.__name__, n=maps) for tally in (*tallies, truth)]


@dataclass(slots=True)
class _Tally:
    """Counts the numbers of one kind that were compared."""

    what: str
    compared: int = 0
    different: int = 0
    largest: float = 0.0

    def add(self, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> None:
        apart = np.abs(ours - theirs)
        self.compared += apart.size
        self.different += int((apart != 0).sum())  # NaN, too
        self.largest = max(self.largest, float(apart.max()))

    def agreement(self, reference: str, *, n: int) -> Agreement:
        return Agreement(
            reference=reference,
            what=self.what,
            n=n,
            compared=self.compared,
            different=self.different,
            largest=self.largest,
        )


def _count_boxes(
    tally: _Tally, module: ModuleType, cases: Sequence[Any], preset: str, options: dict[str, bool], start: int
) -> None:
    """Best IoU at the thresholds; a map that the evaluator refuses must be a miss everywhere."""
    rule = protocols[preset].derive({"space": "original", "normalise": "none"})
    found = localize([_item(case.raw, case.boxes) for case in cases], [rule])[rule.name].iou.at(TAUS)
    for n, (case, ours) in enumerate(zip(cases, found, strict=True), start):
        chosen = np.arange(len(TAUS)) if n % WHOLE == 0 else LEVELS
        tally.add(ours[chosen], _theirs(module, case, TAUS[chosen].tolist(), options))


def _theirs(module: ModuleType, case: Any, taus: Sequence[float], options: dict[str, bool]) -> NDArray[np.float64]:
    try:
        found = module.compute_bboxes_from_scoremaps(case.raw.copy(), taus, **options)
    except ValueError:
        return np.zeros(len(taus))
    known: dict[bytes, float] = {}  # boxes repeat from threshold to threshold
    best = []
    for boxes in (np.asarray(one) for one in (found[0] if options else [[box] for box in found])):
        key = boxes.tobytes()
        if key not in known:
            known[key] = module.calculate_multiple_iou(boxes, case.boxes).max()
        best.append(known[key])
    return np.array(best, np.float64)


def _true_boxes(module: ModuleType, case: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """True boxes of an image of another size on the square of 224 pixels: ours and theirs."""
    layout = view_named("squash", 224).layout(case.size_wh)
    ours = frame_of(case.stored.astype(np.float64), layout, protocols["choe2020_v1"]).gt_boxes
    theirs = np.array([module.resize_bbox(box, case.size_wh, (224, 224)) for box in case.stored.tolist()], float)
    return ours, theirs


def _item(raw: NDArray[np.float64], boxes: NDArray[np.int64]) -> ImageMap:
    height, width = raw.shape
    layout = view_named("squash", 224).layout((width, height))
    return ImageMap(raw=raw, layout=layout, boxes_xyxy=boxes.astype(np.float64))


@contextmanager
def _imported(folder: Path, file: str) -> Iterator[ModuleType]:
    """A file of a repository as a module, which finds its own neighbors first; they are forgotten after it.

    Raises ConfigError where the file is missing, or something that it needs.
    """
    if not (folder / file).is_file():
        raise ConfigError(f"--reference: {folder} has no {file}; give the folder of a clone of the repository")
    spec = importlib.util.spec_from_file_location(folder.name or "reference", folder / file)
    assert spec is not None
    assert spec.loader is not None
    module, known = importlib.util.module_from_spec(spec), {*sys.modules}
    neighbors = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    sys.path.insert(0, str(folder.resolve()))
    try:
        with _aliases():
            spec.loader.exec_module(module)
        yield module
    except ImportError as error:
        raise ConfigError(f"--reference: {folder / file} can't be imported: {first_line(error)}; install it") from error
    finally:
        sys.path.remove(str(folder.resolve()))
        for name in [name for name in sys.modules if name not in known and name.partition(".")[0] in neighbors]:
            del sys.modules[name]


@contextmanager
def _aliases() -> Iterator[None]:
    """The names that NumPy took away in 1.24, for as long as the block lasts."""
    missing = [name for name in ALIASES if name not in vars(np)]
    for name in missing:
        setattr(np, name, {"float": float, "int": int, "bool": bool}[name])
    try:
        yield
    finally:
        for name in missing:
            delattr(np, name)


REFERENCES: dict[str, Callable[[Path, int, int], list[Agreement]]] = {"wsolevaluation": _wsolevaluation}
