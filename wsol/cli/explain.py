"""`wsol explain`: heat maps and boxes on images, and the raw maps."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.cli import choices
from wsol.errors import ConfigError, DataError, OutputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from wsol.datasets.base import Dataset, Sample
    from wsol.models.base import Classifier

log = logging.getLogger(__name__)

DESCRIPTION = """Draw heat maps, ground-truth boxes (green) and predicted boxes (red).

An IMAGE is a file, or an image id of the dataset; files show the predicted class unless --label says otherwise.
Everything else is chosen as for `wsol run`:

  wsol explain photo.jpg model=resnet50 method=[gradcam,layercam] -o heat/
  wsol explain test/00003 test/00007 dataset=shapes model=shapes_gap -o heat/
"""


def main(words: Sequence[str]) -> int:
    """Write PNGs and one npz; print their names."""
    parser = argparse.ArgumentParser(
        prog="wsol explain", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="+", metavar="IMAGE|OVERRIDE")
    parser.add_argument("-o", "--out", default="explained", help="folder for the pictures (default: explained)")
    parser.add_argument("--label", type=int, help="class index to explain (default: ground truth, else the prediction)")
    parser.add_argument(
        "--tau",
        type=float,
        help="share of the maximum (default: 0.15, of gradcam2017; other protocols: theirs, else 0.2)",
    )
    parser.add_argument("--model", help="same as model=...")
    chosen = parser.parse_intermixed_args(choices.load_with(list(words)))
    overrides = [w for w in chosen.words if re.match(r"[~+]*[\w.@/]+=", w) and not Path(w).exists()]
    images = [w for w in chosen.words if w not in overrides]
    if chosen.model:
        overrides.append(f"model={chosen.model}")
    if not images:
        raise ConfigError("no image given: wsol explain photo.jpg model=resnet50, or an image id of the dataset")
    if not any(w.startswith("protocol=") for w in overrides):
        overrides.append("protocol=[gradcam2017]")
    with redirect_stdout(sys.stderr):  # whatever a network or another library prints is no answer of ours
        files = explain(images, choices.rewrite(overrides), Path(chosen.out), label=chosen.label, tau=chosen.tau)
    for file in files:
        print(file)
    return 0


def explain(
    images: Sequence[str], overrides: Sequence[str], out: Path, *, label: int | None, tau: float | None
) -> list[Path]:
    """Pictures of every chosen variant for every image; returns the files written."""
    import numpy as np
    import torch

    from wsol.cli.compose import compose_settings
    from wsol.cli.job import chosen_protocols, engine_of, load_dataset, load_model, view_of
    from wsol.datasets.renumbered import as_the_network_counts
    from wsol.localise import boxes_at, final_map, iou_of_thresholds, place
    from wsol.looking import Looker
    from wsol.models.stages import resolve_layer, stages
    from wsol.refine import frame_image, refines
    from wsol.report.overlay import overlay, sheet
    from wsol.variants import expand
    from wsol.views import merge_crops

    settings = compose_settings(overrides)
    protocol = chosen_protocols(settings)[0]
    classifier = load_model(settings["model"])
    variants = expand(
        settings["methods"], resolve=lambda name: resolve_layer(classifier, name), stages=list(stages(classifier))
    )
    engine, view = engine_of(settings), view_of(settings, classifier)
    looker = Looker(
        classifier, device=engine.device, precision=engine.precision, seed=settings["seed"], chunk=engine.chunk
    )
    data = None
    if any(not Path(i).is_file() for i in images):
        data = as_the_network_counts(load_dataset(settings["dataset"]), classifier.class_names)
    tau = tau if tau is not None else 0.2 if protocol.tau == "sweep" else protocol.tau
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"can't write to {out}: {error.strerror}; choose another folder with -o DIR") from error
    written, arrays = [], {}
    for name, slug in zip(images, _slugs(images), strict=True):
        image, sample, gt = _open(name, data)
        crops = view.inputs(image)
        layout = view.layout(image.size)
        inputs = [looker.tensor([crop]) for crop in crops]
        logits = torch.stack([torch.as_tensor(looker.query.logits(x)[0]) for x in inputs]).mean(0)
        target = label if label is not None else sample.label if sample else int(logits.argmax())
        if not 0 <= target < classifier.num_classes:
            raise ConfigError(
                f"--label {target} is not a class of {classifier.name} (0 to {classifier.num_classes - 1})"
            )
        log.info("%s: %s", name, _says(classifier, data, logits, target))
        maps = [looker.maps(x, torch.tensor([target]), [name], variants) for x in inputs]
        pictures = []
        for variant in variants:
            raw = merge_crops([m.raw[variant.id][0] for m in maps], layout)
            arrays[f"{name}/{variant.id}"] = raw
            where = place(gt, layout, image.size, protocol)
            final = final_map(raw, layout, where.size_wh, protocol)
            pixels = frame_image(image, layout, where.size_wh, protocol) if refines(protocol, shallow=False) else None
            boxes = boxes_at(final, tau, protocol, image_rgb=pixels)
            caption = variant.id
            if len(gt):
                fixed = protocol.derive({"tau": tau})
                reached = iou_of_thresholds(final, where.gt_boxes, fixed, image_rgb=pixels)[0].values.max()
                caption += f"  IoU {reached:.2f} at tau {tau:g}"
            scaled = boxes * np.array([image.width / where.size_wh[0], image.height / where.size_wh[1]] * 2)
            peak = max(float(final.max()), 1e-12)
            picture = overlay(image, final / peak, gt_boxes=gt, predicted_boxes=scaled, caption=caption)
            file = out / f"{slug}--{_slug(variant.id)}.png"
            picture.save(file)
            written.append(file)
            pictures.append(picture)
        file = out / f"{slug}.png"
        sheet(pictures).save(file)
        written.append(file)
    file = out / "maps.npz"
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return [*written, file]


def _slugs(names: Sequence[str]) -> list[str]:
    """File names for images; those that would be equal are counted."""
    found: list[str] = []
    for name in names:
        slug, n = _slug(name), 2
        while slug in found:
            slug, n = f"{_slug(name)}-{n}", n + 1
        found.append(slug)
    return found


def _open(name: str, data: Dataset | None) -> tuple[Image, Sample | None, Any]:
    """An image file, or an image of the dataset with its ground truth."""
    import numpy as np

    if Path(name).is_file():
        from wsol.datasets.files import open_image

        return open_image(Path(name), image_id=name), None, np.zeros((0, 4))
    assert data is not None
    found = {s.image_id: s for s in data.samples()}
    if name not in found:
        from difflib import get_close_matches

        near = get_close_matches(name, found, n=1, cutoff=0) or list(found)[:1]
        raise DataError(f"{name!r} is neither a file nor an image id of dataset {data.key}; nearest id: {near[0]!r}")
    return data.image(found[name]), found[name], found[name].boxes_xyxy


def _says(classifier: Classifier, data: Dataset | None, logits: Any, target: int) -> str:
    names = list(classifier.class_names) or list(data.class_names if data else [])
    probabilities = logits.softmax(0)
    best = int(logits.argmax())

    def called(c: int) -> str:
        return f"{c} ({names[c]})" if c < len(names) else str(c)

    return (
        f"predicted {called(best)} with p={probabilities[best]:.2f}; "
        f"explaining {called(target)} with p={probabilities[target]:.2f}"
    )


def _slug(name: str) -> str:
    return re.sub(r"[^\w.+=@-]+", "_", name).strip("_")
