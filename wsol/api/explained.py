"""What `wsol explain` draws of one image: its map by each variant, with true and predicted boxes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wsol.errors import ConfigError, DataError
from wsol.settings import compose_settings

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from wsol.datasets.base import Dataset, Sample
    from wsol.localization.records import ImageMap
    from wsol.maps.extractor import MapExtractor
    from wsol.methods._variants import Variant
    from wsol.models.classifier import Classifier
    from wsol.protocols._base import Protocol
    from wsol.views import View

log = logging.getLogger(__name__)

TAU = 0.2  # of the map's maximum, where a protocol leaves it open: CAM's threshold (Zhou et al., 2016)
LONGEST = 2048  # pixels of a picture's longer side: larger files are reduced before the network sees them


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is the same for all images.

    Attributes
    ----------
    protocol : whose boxes are drawn. tau : their threshold; None where each map has its own, by the protocol's rule.
    data : where images are named by id; None where all are files.
    """

    classifier: Classifier
    extractor: MapExtractor
    variants: Sequence[Variant]
    protocol: Protocol
    view: View
    batch_size: int
    data: Dataset | None
    tau: float | None


def chosen_by(overrides: Sequence[str], *, tau: float | None, with_data: bool) -> Chosen:
    """What overrides of the command line choose; `tau` of the user comes before the protocol's own.

    Raises
    ------
    ConfigError : no protocol is chosen.
    """
    from wsol.datasets.labels import match_class_indices
    from wsol.evaluation.build import chosen_protocols, load_dataset, load_model, variants_of, view_of
    from wsol.evaluation.device import engine_of, extractor_of
    from wsol.evaluation.experiment import view_under

    settings = compose_settings(overrides)
    protocol = next(iter(chosen_protocols(settings)), None)
    if protocol is None:
        raise ConfigError("no protocol is chosen, and boxes are drawn by one; write for example protocol=gradcam2017")
    classifier = load_model(settings["model"])
    variants, engine = variants_of(settings, classifier), engine_of(settings)
    data = None
    if with_data:
        data = match_class_indices(load_dataset(settings["dataset"]), classifier.class_names, classifier.num_classes)
    if tau is None and not isinstance(protocol.tau, str):
        tau = protocol.tau
    elif tau is None and protocol.tau == "sweep":
        tau = TAU
    return Chosen(
        classifier=classifier,
        extractor=extractor_of(classifier, engine, seed=settings["seed"]),
        variants=variants,
        protocol=protocol if tau is None or protocol.tau in ("sweep", tau) else protocol.derive({"tau": tau}),
        view=view_under(protocol, view_of(settings, classifier)),
        batch_size=engine.batch_size,
        data=data,
        tau=tau,
    )


def maps_of(
    name: str, image: Image, sample: Sample | None, chosen: Chosen, *, label: int | None
) -> Iterator[tuple[Variant, ImageMap, str]]:
    """Each variant's map of an image, of the class asked for, and in words why there is none."""
    import numpy as np

    from wsol.datasets.base import Sample
    from wsol.evaluation.rows import NOT_FINITE
    from wsol.maps.network import NetworkMaps

    classifier, extractor, view = chosen.classifier, chosen.extractor, chosen.view
    source = NetworkMaps(cast("Dataset", _OneImage(image)), classifier, extractor, chosen.batch_size)
    one = source.load(sample or Sample(name, 0, np.zeros((0, 4)), image.size), [view], {"image"})
    logits = np.mean([extractor.query.logits(extractor.tensor([x])).cpu().numpy()[0] for x in one.inputs[view]], 0)
    target = label if label is not None else sample.label if sample else int(logits.argmax())
    if not 0 <= target < classifier.num_classes:
        raise ConfigError(f"--label {target} is not a class of {classifier.name} (0 to {classifier.num_classes - 1})")
    log.info("%s: %s", name, _says(classifier, chosen.data, logits, target))
    one = dataclasses.replace(one, sample=dataclasses.replace(one.sample, label=target))
    maps = source.maps([one], view, chosen.variants)
    for variant in chosen.variants:
        item = maps.image_map(variant, 0)
        failure = maps.failures.get((variant.key, one.sample.image_id), "" if item.finite else NOT_FINITE)
        yield variant, item, failure


def picture_of(image: Image, variant: Variant, item: ImageMap, chosen: Chosen) -> Image:
    """The heat map of a variant over the image, with true and found boxes and their IoU."""
    from wsol.evaluation.records import variant_info
    from wsol.localization.frame import in_stored_pixels
    from wsol.localization.localize import boxes_along, fixed_tau, localize
    from wsol.report.figures.overlay import overlay
    from wsol.report.numbers.names import short_name

    protocol = chosen.protocol
    tau = fixed_tau(item, protocol) if chosen.tau is None else chosen.tau
    boxes = boxes_along(item, protocol, [tau])[0]
    caption = short_name(variant_info(variant, {}))[0]  # as tables print it; the whole id may not fit
    if len(item.boxes_xyxy):
        caption += f"  IoU {localize([item], [protocol])[protocol.name].iou.at(tau).max():.2f} at tau {tau:g}"
    return overlay(
        image,
        _heat(item, protocol),
        gt_boxes=item.boxes_xyxy,
        predicted_boxes=in_stored_pixels(boxes, item.layout, space=protocol.space, side=protocol.side),
        caption=caption,
    )


class _OneImage:
    """An opened image where a data set is expected."""

    def __init__(self, image: Image) -> None:
        self._image = image

    def image(self, sample: Sample) -> Image:
        return self._image


def _heat(item: ImageMap, protocol: Protocol) -> NDArray[Any]:
    """(H, W) the map over the whole stored image, in [0, 1]; 0 outside what the view shows."""
    import cv2
    import numpy as np

    from wsol.localization.final_map import final_map
    from wsol.localization.frame import frame_of, in_stored_pixels

    width, height = item.layout.stored_wh
    if item.full or not item.finite:
        return np.full((height, width), float(item.full))
    size = frame_of(item.boxes_xyxy, item.layout, protocol).size_wh
    final = final_map(item.raw, item.layout, size, protocol).astype(np.float64)
    final /= max(float(final.max()), 1e-12)
    whole = np.array([[0, 0, *size]])
    covered = in_stored_pixels(whole, item.layout, space=protocol.space, side=protocol.side)
    x0, y0, x1, y1 = covered[0].round().astype(int).tolist()
    if (x0, y0, x1, y1) == (0, 0, width, height):
        return final
    heat = np.zeros((height, width))
    heat[y0:y1, x0:x1] = cv2.resize(final, (x1 - x0, y1 - y0))
    return heat


def open_image_named(name: str, data: Dataset | None) -> tuple[Image, Sample | None]:
    """An image file, or an image of the dataset with its sample."""
    if Path(name).is_file():
        from wsol.datasets.image_files import open_image

        image = open_image(Path(name), image_id=name, upright=True)
        if max(image.size) > LONGEST:
            whole = image.size
            image.thumbnail((LONGEST, LONGEST))
            log.info("%s is %d x %d pixels; taken at %d x %d", name, *whole, *image.size)
        return image, None
    assert data is not None
    samples = {s.image_id: s for s in data.samples()}
    if name not in samples:
        from difflib import get_close_matches

        near = get_close_matches(name, samples, n=1, cutoff=0) or list(samples)[:1]
        raise DataError(f"{name!r} is neither a file nor an image id of dataset {data.key}; nearest id: {near[0]!r}")
    return data.image(samples[name]), samples[name]


def _says(classifier: Classifier, data: Dataset | None, logits: Any, target: int) -> str:
    from wsol.datasets.ranks import probabilities_of

    names = list(classifier.class_names) or list(data.class_names if data else [])
    probabilities = probabilities_of(logits)
    best = int(logits.argmax())

    def called(c: int) -> str:
        return f"{c} ({names[c]})" if c < len(names) else str(c)

    return (
        f"predicted {called(best)} with p={probabilities[best]:.2f}; "
        f"explaining {called(target)} with p={probabilities[target]:.2f}"
    )
