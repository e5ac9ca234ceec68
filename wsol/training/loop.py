"""The loop: Accelerate puts network and batches on one or more devices, in one or two precisions; the rest is here."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from wsol.errors import ConfigError, WsolError
from wsol.models.allocator import freed_memory_kept
from wsol.models.determinism import deterministic
from wsol.progress import Progress
from wsol.training.checkpoint import State, TrainingFolder
from wsol.training.groups import optimizer_of
from wsol.training.images import Order, TrainingImages, plain_loader, seed_of, training_loader
from wsol.training.schedule import factor_at

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor

    from wsol.training.network import Start
    from wsol.training.recipe import Recipe
    from wsol.training.technique import Technique, TrainingBatch

log = logging.getLogger(__name__)

LOSS_EVERY = 50  # steps between two readings of the loss, each of which makes a GPU wait


class Diverged(WsolError):
    """A training whose loss is not finite any more."""

    exit_code = 1


class Objective(nn.Module):
    """A technique's loss as a module, so that a wrapper of it sees every part of the network the loss uses."""

    def __init__(self, network: nn.Module, technique: Technique) -> None:
        super().__init__()
        self.network, self.technique = network, technique

    def forward(self, batch: TrainingBatch) -> Tensor:
        return self.technique.loss(self.network, batch)


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that the loop needs.

    Attributes
    ----------
    train, check : images to train on, and those whose accuracy is logged; None for none.
    device : as in the `engine` group. workers : processes that read images. seed : of all random numbers.
    """

    recipe: Recipe
    technique: Technique
    start: Start
    train: TrainingImages
    check: TrainingImages | None
    device: str
    workers: int
    seed: int

    @property
    def order(self) -> Order:
        return Order(len(self.train.samples), self.recipe.batch, self.recipe.epochs, self.seed)


def train(training: Training, folder: TrainingFolder) -> State:
    """Train from the beginning or from the folder's checkpoint; afterwards the network has the weights to keep.

    Raises
    ------
    Diverged : the loss is not finite. OutputError : the folder can't be written, or holds another training.
    """
    recipe, network = training.recipe, training.start.classifier.module
    with _own_numbers(), freed_memory_kept(), _accelerator(training, folder) as accelerator:
        optimizer = optimizer_of(recipe, network, training.start.new)
        network.to(accelerator.device)
        network.to(memory_format=torch.channels_last)
        training.technique.configure(network)
        state = folder.resume(network, optimizer, accelerator.device)
        if state.step:
            log.info("resumes at step %d of %d", state.step, training.order.steps)
        wrapped, prepared = accelerator.prepare(Objective(network, training.technique), optimizer)
        accelerator.init_trackers("wsol", init_kwargs={"tensorboard": {"purge_step": state.step}})
        _steps(training, folder, state, accelerator, wrapped, prepared)
        accelerator.end_training()
        if recipe.keep == "best" and (best := folder.best(accelerator.device)) is not None:
            network.load_state_dict(best)
        network.cpu().eval()
    return state


def _steps(
    training: Training, folder: TrainingFolder, state: State, accelerator: Accelerator, objective: Any, optimizer: Any
) -> None:
    recipe, order = training.recipe, training.order
    network = training.start.classifier.module
    writes = accelerator.is_main_process
    loader = training_loader(
        training.train,
        order,
        state.step,
        rank=accelerator.process_index,
        ranks=accelerator.num_processes,
        workers=training.workers,
        pinned=accelerator.device.type == "cuda",
    )
    mean, spread = _normalization(training, accelerator.device)
    loss_sum = torch.tensor(state.loss_sum, dtype=torch.float64, device=accelerator.device)
    saved, began = time.monotonic(), time.monotonic()
    batches: Iterator[tuple[Tensor, Tensor]] = iter(loader) if state.step < order.steps else iter(())
    with Progress({"": (order.steps - state.step, 1.0)}, what="train", unit="steps") as progress:
        for pixels, labels in batches:
            _train_mode(objective, network, training.start.folded)
            rate = factor_at(recipe, state.step, order.steps_per_epoch)
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * group["factor"] * rate
            # of dropout and the like; each device draws its own, and step by step, so that no state need be kept
            torch.manual_seed(seed_of(training.seed, "step", state.step, accelerator.process_index))
            draws = torch.Generator().manual_seed(
                seed_of(training.seed, "technique", state.step, accelerator.process_index)
            )
            images = (pixels.to(accelerator.device, non_blocking=True).float() / 255 - mean) / spread
            images = images.contiguous(memory_format=torch.channels_last)
            batch = training.technique.batch(images, labels.to(accelerator.device, non_blocking=True), draws)
            loss = objective(batch)
            accelerator.backward(loss)
            if recipe.clip is not None:
                accelerator.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], recipe.clip)
            optimizer.step()
            optimizer.zero_grad()
            loss_sum += loss.detach().double()
            state.step, state.loss_count = state.step + 1, state.loss_count + 1
            at_end = state.step % order.steps_per_epoch == 0
            if at_end or state.step % LOSS_EVERY == 0:
                state.loss_sum = loss_sum.item()
                _check_finite(state, order, recipe)
            if at_end:
                state.loss_sum = float(accelerator.reduce(loss_sum.clone(), "mean"))  # of all devices
                _end_of_epoch(training, state, accelerator, rate, time.monotonic() - began)
                loss_sum.zero_()
                began = time.monotonic()
                if writes:
                    folder.write_log(state.history)
                    if state.best_epoch == len(state.history) and recipe.keep == "best":
                        folder.save_best(network)
            if writes and (at_end or time.monotonic() - saved >= 60 * recipe.save_minutes):
                state.loss_sum = loss_sum.item()
                folder.save(state, network, optimizer.optimizer)
                saved = time.monotonic()
            progress.advance("", 1)


def _end_of_epoch(training: Training, state: State, accelerator: Accelerator, rate: float, seconds: float) -> None:
    """The row of the epoch in the log, with the accuracy where it is its turn."""
    recipe = training.recipe
    epoch = state.step // training.order.steps_per_epoch
    accuracy = None
    if training.check is not None and (epoch % recipe.check_every == 0 or epoch == recipe.epochs):
        accuracy = accuracy_of(training, training.check, accelerator)
        if accuracy > state.best:
            state.best, state.best_epoch = accuracy, epoch
    loss = state.loss_sum / state.loss_count
    row: dict[str, float | int | None] = {"epoch": epoch, "step": state.step, "lr": recipe.lr * rate, "loss": loss}
    state.history.append({**row, "accuracy": accuracy, "seconds": seconds})
    state.loss_sum, state.loss_count = 0.0, 0
    shown = "" if accuracy is None else f", accuracy {accuracy:.2f} %"
    log.info("epoch %d of %d: loss %.4f%s, %.0f s", epoch, recipe.epochs, loss, shown, seconds)
    values = {"loss": loss, "lr": recipe.lr * rate, **({} if accuracy is None else {"accuracy": accuracy})}
    accelerator.log(values, step=state.step)


@torch.no_grad()
def accuracy_of(training: Training, images: TrainingImages, accelerator: Accelerator) -> float:
    """Percent of images whose highest logit is their label, of all devices together."""
    network = training.start.classifier.module
    mean, spread = _normalization(training, accelerator.device)
    loader = plain_loader(
        images,
        training.recipe.batch,
        rank=accelerator.process_index,
        ranks=accelerator.num_processes,
        workers=training.workers,
    )
    network.eval()
    counts = torch.zeros(2, dtype=torch.float64, device=accelerator.device)
    for pixels, labels in loader:
        inputs = (pixels.to(accelerator.device).float() / 255 - mean) / spread
        hits = network(inputs.contiguous(memory_format=torch.channels_last)).argmax(1).cpu() == labels
        counts += torch.tensor([hits.sum(), len(hits)], dtype=torch.float64, device=accelerator.device)
    right, total = accelerator.reduce(counts, "sum").tolist()
    return 100 * float(right) / float(total)


def _train_mode(objective: nn.Module, network: nn.Module, folded: Collection[str]) -> None:
    """Train mode, but for parts that are frozen, whose batch norm must not move either, and for `Start.folded`."""
    objective.train()
    for name in folded:
        network.get_submodule(name).eval()
    if all(p.requires_grad for p in network.parameters()):
        return
    for part in network.modules():
        own = list(part.parameters())
        if own and not any(p.requires_grad for p in own):
            part.eval()


def _normalization(training: Training, device: torch.device) -> tuple[Tensor, Tensor]:
    classifier = training.start.classifier
    mean, spread = (torch.tensor(v, device=device)[:, None, None] for v in (classifier.mean, classifier.std))
    return mean, spread


def _check_finite(state: State, order: Order, recipe: Recipe) -> None:
    if not math.isfinite(state.loss_sum):
        epoch = (state.step - 1) // order.steps_per_epoch + 1
        raise Diverged(f"the loss is {state.loss_sum} in epoch {epoch}; try a lower rate than recipe.lr={recipe.lr:g}")


@contextmanager
def _own_numbers() -> Iterator[None]:
    """A block in which the same seed gives the same weights, and after which the caller's random numbers go on."""
    state = torch.random.get_rng_state()
    try:
        with deterministic():
            yield
    finally:
        torch.random.set_rng_state(state)


@contextmanager
def _accelerator(training: Training, folder: TrainingFolder) -> Iterator[Accelerator]:
    """Accelerate's own record of devices and precision for the length of a block. Raises ConfigError without it."""
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        from accelerate.utils import is_tensorboard_available
    except ImportError as error:
        raise ConfigError("training needs accelerate, which is not installed: pip install 'wsol[train]'") from error
    cuda = training.device != "cpu" and torch.cuda.is_available()
    made = Accelerator(
        cpu=training.device == "cpu",
        mixed_precision="bf16" if training.recipe.mixed and cuda else "no",
        log_with="tensorboard" if is_tensorboard_available() else None,
        project_dir=folder.path / "tensorboard",
    )
    try:
        yield made
    finally:
        with suppress(AttributeError):
            AcceleratorState._reset_state()  # one process may train several times, in another precision
