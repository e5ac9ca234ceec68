"""The learning rate over a training, as a factor of the recipe's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsol.training.recipe import Recipe

START, END = 1 / 25, 1e-4 / 25  # of onecycle, as torch.optim.lr_scheduler.OneCycleLR


def factor_at(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """What the learning rate is multiplied by in step `step`, counted from 0, of all of a training's steps.

    ``steps`` multiplies before each epoch of `decay_at`, counted from 1, as the code of Choe et al. counts: with 15 in
    it, 14 epochs have the first rate.
    """
    epoch = step // steps_per_epoch
    if recipe.schedule == "steps":
        return recipe.decay ** sum(epoch + 1 >= at for at in recipe.decay_at)
    if recipe.schedule == "constant":
        return 1.0
    last, rise = recipe.epochs * steps_per_epoch - 1, recipe.warmup * steps_per_epoch
    if recipe.schedule == "cosine":
        if step < rise:
            return (step + 1) / (rise + 1)
        return _between(1.0, 0.0, (step - rise) / max(last - rise, 1))
    rise = min(rise, last)
    if step <= rise:
        return _between(START, 1.0, step / rise if rise else 1.0)
    return _between(1.0, END, (step - rise) / max(last - rise, 1))


def _between(first: float, last: float, share: float) -> float:
    """Half a cosine from `first` to `last`."""
    return last + (first - last) * (1 + math.cos(math.pi * min(share, 1.0))) / 2
