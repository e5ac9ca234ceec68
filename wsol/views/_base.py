"""A view: how an image becomes network input, and which part of it a map covers.

A view lays a *canvas* over a region of the stored image and puts one or more crops on it. Raw maps of the crops are
merged on the canvas; boxes and masks follow the same geometry. Each view is one file beside this one; yours can be
anywhere (`--with my_view.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, dataclass_transform

from wsol.errors import DataError
from wsol.options import Side, build, fit, option
from wsol.registry import Registry
from wsol.views._merge import merge_rules

if TYPE_CHECKING:
    from PIL.Image import Image


LONGEST = 32_768  # pixels of a resized side: with a short side of 224, 90 MB as float32


@dataclass(frozen=True, slots=True)
class Placement:
    """One network input: a rectangle x0, y0, x1, y1 of the canvas, mirrored or not, seen at `side` pixels."""

    box: tuple[int, int, int, int]
    side: tuple[int, int]
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a view puts things for one image.

    Attributes
    ----------
    canvas_wh : size of the canvas in pixels.
    placements : the network inputs cut from it.
    stored_wh : size of the stored image.
    resized_wh : what the stored image is resized to before the canvas is cut from it at `offset`.
    """

    canvas_wh: tuple[int, int]
    placements: tuple[Placement, ...]
    stored_wh: tuple[int, int]
    resized_wh: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    @property
    def region_xyxy(self) -> tuple[float, float, float, float]:
        """The part of the stored image that the canvas shows, in stored pixels."""
        (left, top), (wide, high) = self.offset, self.canvas_wh
        fx, fy = self.stored_wh[0] / self.resized_wh[0], self.stored_wh[1] / self.resized_wh[1]
        return (left * fx, top * fy, (left + wide) * fx, (top + high) * fy)

    @property
    def cropped(self) -> bool:
        """Whether the canvas leaves a part of the stored image out."""
        return self.resized_wh != self.canvas_wh

    @property
    def whole(self) -> bool:
        """One upright crop that is the canvas: its raw map needs no merging."""
        first = self.placements[0]
        return len(self.placements) == 1 and first.box == (0, 0, *self.canvas_wh) and not first.mirrored


@dataclass(frozen=True)
class View(ABC):
    """A way from image to network input; make one with `view_named`.

    Attributes
    ----------
    name, about : its key, and what it does in a few words.
    """

    side: Side = option(help="side of the network input in pixels; null for the network's own")
    merge: Annotated[str, merge_rules] = option("sum", help="how maps of several crops are added on the canvas")

    name: ClassVar[str]
    about: ClassVar[str]

    def __post_init__(self) -> None:
        fit(self.side, Side, where="view.side")
        merge_rules.check(self.merge, "view.merge")

    @abstractmethod
    def layout(self, size_wh: tuple[int, int]) -> Layout:
        """Geometry for a stored image of `size_wh`."""

    @property
    def options(self) -> dict[str, Any]:
        """What this view has beside `side` and `merge`."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("side", "merge")}

    @property
    def passes(self) -> int:
        """Network inputs per image."""
        return len(self.layout(self._example).placements)

    @property
    def cropped(self) -> bool:
        """Whether maps leave a part of the image out."""
        return self.layout(self._example).cropped

    @property
    def _example(self) -> tuple[int, int]:
        return 2 * self.side, self.side

    def inputs(self, image: Image) -> list[Image]:
        """The network inputs of an image in the order of the placements; bilinear by PIL, as the field's loaders do."""
        from PIL import Image as Pillow

        layout = self.layout(image.size)
        resample = Pillow.Resampling.BILINEAR
        left, top = layout.offset
        canvas = image.resize(layout.resized_wh, resample)
        if layout.resized_wh != layout.canvas_wh:
            canvas = canvas.crop((left, top, left + layout.canvas_wh[0], top + layout.canvas_wh[1]))
        crops = []
        for placement in layout.placements:
            crop = canvas if placement.box == (0, 0, *layout.canvas_wh) else canvas.crop(placement.box)
            crops.append(crop.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT) if placement.mirrored else crop)
        return crops


views: Registry[type[View]] = Registry("view", "wsol.views")

V = TypeVar("V", bound=View)


@dataclass_transform(frozen_default=True)
def view(name: str, *, about: str) -> Callable[[type[V]], type[V]]:
    """Register a subclass of `View`; its fields become options (`view.<field>=...`)."""

    def register(cls: type[V]) -> type[V]:
        made = dataclass(frozen=True)(cls)
        made.name, made.about = name, about
        views.add(name, made)
        return made

    return register


def view_named(name: str, side: int, **options: Any) -> View:
    """The view of a name. Raises UnknownName for another one, ConfigError for a side out of range."""
    return views[name](side, **options)


def view_from(values: Mapping[str, Any], *, side: int) -> View:
    """The view that plain settings name, at `side` unless they give another. Raises ConfigError for a wrong option."""
    options = {k: v for k, v in values.items() if k != "name"}
    given = options.get("side")
    return build(views[str(values.get("name"))], {**options, "side": side if given is None else given}, where="view")


def enlarged(side: int) -> int:
    """The field's 256 pixels for crops of 224 (Krizhevsky et al., 2012), for crops of `side`."""
    return round(side * 256 / 224)


def short_side(size_wh: tuple[int, int], short: int) -> tuple[int, int]:
    """Size with the shorter side at `short`; the longer one truncated, as torchvision does.

    Raises DataError for a strip that would be longer than `LONGEST`.
    """
    width, height = size_wh
    resized = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    if max(resized) > LONGEST:
        raise DataError(
            f"an image of {width} x {height} pixels would be resized to {resized[0]} x {resized[1]}; "
            f"a side may have {LONGEST} pixels: choose view=squash, or leave the image out"
        )
    return resized


def center_crop(side: int, resized_wh: tuple[int, int], size_wh: tuple[int, int]) -> Layout:
    """One square crop from the middle of an image resized to `resized_wh`."""
    square = (side, side)
    offset = (round((resized_wh[0] - side) / 2), round((resized_wh[1] - side) / 2))
    return Layout(square, (Placement((0, 0, *square), square),), size_wh, resized_wh, offset)
