"""A recipe's options: what a training must know beside data, network and technique. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from wsol.errors import ConfigError
from wsol.options import Batch, Count, NotNegative, Positive, Range, Share, ShareBelowOne, Side, option

NEW = "new"  # among parameters: those that start from no trained weights


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training needs to know beside data, network and technique."""

    technique: str = option("cam", help="the technique where none is given, see wsol list techniques")
    first: str | None = option(None, help="a recipe that is trained before; this one starts from its weights")
    start: str | None = option(
        None, help="NAME or NAME@WEIGHTS: the network whose trained layers are taken where model.weights gives no file"
    )
    new_head: Literal["none", "linear", "pooled", "tokens"] = option(
        "linear",
        help="none: the network as it is; linear: its own last layer for the classes of the data; pooled: average "
        "pooling and one linear layer instead of all behind `head_layer`; tokens: two layers on the patch tokens",
    )
    head_layer: str = option("last", help="new_head=pooled: the last layer that is kept")
    head_width: Count = option(256, help="new_head=tokens: channels between the two layers")
    train_only: tuple[str, ...] | None = option(
        None, help="train only parameters whose name has one of these parts (new: those without a start); null for all"
    )
    epochs: Count = option(help="passes over the training images")
    batch: Batch = option(help="images per step, over all devices together")
    optimizer: Literal["sgd", "adamw"] = option("sgd", help="sgd or adamw, as torch has them")
    lr: Positive = option(help="learning rate of the slower group of parameters, at its highest")
    momentum: ShareBelowOne = option(0.9, help="of sgd")
    nesterov: bool = option(True, help="of sgd")
    weight_decay: NotNegative = option(0.0, help="of every parameter")
    fast: tuple[str, ...] = option(
        (), help="parameters whose name has one of these parts (new: those without a start) learn fast_factor times lr"
    )
    slow: tuple[str, ...] = option((), help="instead of fast: all parameters but these learn fast_factor times lr")
    fast_factor: Positive = option(10.0, help="see fast and slow")
    schedule: Literal["constant", "steps", "cosine", "onecycle"] = option(
        "constant", help="of the learning rate; steps: times decay before each epoch of decay_at"
    )
    decay_at: tuple[Count, ...] = option((), help="schedule=steps: the epochs, counted from 1")
    decay: Positive = option(0.1, help="schedule=steps: the factor")
    warmup: NotNegative = option(0.0, help="epochs of linear increase from 0, of cosine and onecycle")
    clip: Positive | None = option(None, help="largest norm of all gradients together; null for no limit")
    resize: Side | None = option(help="side of the square that images are squashed to first; null to leave them")
    crop: Side = option(help="side of the network's input, cut out at random")
    crop_rule: Literal["random", "random_resized"] = option(
        "random", help="random: a square of that side; random_resized: one of 8 to 100 % of the area, resized"
    )
    padding: Annotated[int, Range(0, 256)] = option(0, help="pixels of black around an image before it is cropped")
    flip: Share = option(0.5, help="share of images that are mirrored")
    mixed: bool = option(False, help="bfloat16 by autocast on CUDA")
    check: Literal["val", "held_out", "none"] = option(
        "val", help="images whose accuracy is logged: the data set's val split, a share of the train split, none"
    )
    held_out: Share = option(0.1, help="check=held_out: the share of each class that is not trained on")
    check_every: Count = option(1, help="epochs between two checks")
    keep: Literal["last", "best"] = option(
        "last", help="weights that are written: those of the last epoch, or of the highest accuracy (the first of ties)"
    )
    cache: bool = option(False, help="keep the resized images in memory")
    save_minutes: NotNegative = option(10.0, help="minutes between two checkpoints; one is at each end of an epoch")
    trials: Count = option(30, help="wsol tune: trials of the random search")

    def __post_init__(self) -> None:
        if self.fast and self.slow:
            raise ConfigError("recipe.fast and recipe.slow divide the parameters in two ways; give one of them")
        if self.keep == "best" and self.check == "none":
            raise ConfigError("recipe.keep=best needs an accuracy to go by; give recipe.check=val or held_out")
        if self.crop_rule == "random" and self.resize is not None and self.resize + 2 * self.padding < self.crop:
            raise ConfigError(
                f"recipe.crop={self.crop} is more than recipe.resize={self.resize} with padding; give at most that"
            )
        if self.crop_rule == "random" and self.resize is None:
            raise ConfigError("recipe.resize=null needs recipe.crop_rule=random_resized: images have any size")
