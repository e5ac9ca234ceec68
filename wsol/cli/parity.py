"""`wsol parity`: our methods beside other libraries' own, on the same images."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from wsol.cli.options import Command
from wsol.errors import ConfigError
from wsol.settings import compose_settings


def main(words: Sequence[str]) -> int:
    """Print one line a pair: correlation, largest difference, IoU of the boxes, known reason."""
    parser = Command(
        "parity",
        "Compare with pytorch-grad-cam, torch-cam and captum as installed (extra: peers); dataset= and model= as for "
        "wsol run.",
        overrides=True,
    )
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--images", type=int, default=8, help="how many images of the dataset (default 8)")
    parser.add_argument("--layers", default="last", help="where to look (default: last)")
    parser.add_argument("--json", action="store_true")
    chosen = parser.read(words)
    if chosen.images < 1:
        raise ConfigError(f"--images {chosen.images} is not a number of images; give a whole number above 0")
    from wsol.methods._base import methods

    known = [*methods]
    if not any(name.startswith("peer.") for name in known):
        raise ConfigError("no other library is installed; get them with: pip install 'wsol[peers]'")
    with redirect_stdout(sys.stderr):  # what the other libraries print
        rows = _compare(chosen.overrides, chosen.images, chosen.layers, known)
    if chosen.json:
        json.dump(rows, sys.stdout, indent=1)
        print()
        return 0
    from wsol.report.tables.render import print_table

    print_table([{k: f"{v:.3g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows])
    return 0


def _compare(overrides: Sequence[str], images: int, layers: str, known: Sequence[str]) -> list[dict[str, object]]:
    from wsol.datasets.labels import as_the_network_counts
    from wsol.evaluation.build import engine_of, extractor_of, load_dataset, load_model, view_of
    from wsol.models.heads import head_behind
    from wsol.models.stages import resolve_layer, stages
    from wsol.parity import parity

    settings = compose_settings(overrides)
    classifier = load_model(settings["model"])
    data, engine, view = load_dataset(settings["dataset"]), engine_of(settings), view_of(settings, classifier)
    extractor = extractor_of(classifier, engine, seed=settings["seed"])
    data = as_the_network_counts(data, classifier.class_names)
    samples = data.samples()[:images]
    inputs = [view.inputs(data.image(sample))[0] for sample in samples]
    last = resolve_layer(classifier, layers)
    one = extractor.tensor([classifier.normalized(inputs[0])])
    if head_behind(extractor.module, last, one, grids=extractor.grids) is None:
        known = [name for name in known if name not in ("cam", "peer.torchcam.CAM")]
    found = parity(
        classifier,
        extractor,
        inputs,
        [sample.label for sample in samples],
        known=known,
        resolve=lambda name: resolve_layer(classifier, name),
        stages=list(stages(classifier)),
        layers=layers,
    )
    return [dataclasses.asdict(line) for line in found]
