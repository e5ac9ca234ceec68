"""What a training leaves: weights that say which network they are of, and a model card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol.environment import versions
from wsol.models.trained import ENTRY, FILE, VERSION, TrainedRecord
from wsol.runs.write import write_text, write_whole
from wsol.training.checkpoint import ELSEWHERE, State
from wsol.training.recipe_file import GIVEN, Value

if TYPE_CHECKING:
    from wsol.models.classifier import Classifier
    from wsol.training.job import Job

CARD = "README.md"


def write_output(job: Job, state: State) -> dict[str, Any]:
    """Write weights and card into the job's folder; returns the result that the folder keeps. Raises OutputError."""
    record = record_of(job, state)
    write_weights(job.out / FILE, job.start.classifier, record)
    write_text(job.out / CARD, card(job, record, state), otherwise=ELSEWHERE)
    return {"accuracy": record.accuracy, "accuracy_on": record.accuracy_on, "epochs": record.epochs}


def record_of(job: Job, state: State) -> TrainedRecord:
    """What the weights say of themselves."""
    kept = job.recipe.keep == "best" and state.best_epoch
    epochs = state.best_epoch if kept else job.recipe.epochs
    row = state.history[epochs - 1] if state.history else {}
    accuracy = row.get("accuracy")
    return TrainedRecord(
        version=VERSION,
        design=dataclasses.asdict(job.start.design),
        mean=tuple(job.start.classifier.mean),
        std=tuple(job.start.classifier.std),
        class_names=tuple(job.start.classifier.class_names),
        technique=job.technique_name,
        recipe=job.file.name,
        dataset=job.data.train.dataset.key,
        seed=job.seed,
        epochs=epochs,
        accuracy=None if accuracy is None else float(accuracy),
        accuracy_on="" if accuracy is None else job.checked_on,
    )


def write_weights(place: Path, classifier: Classifier, record: TrainedRecord) -> None:
    """Weights and record as one safetensors file. Raises OutputError."""
    import safetensors.torch

    state = {key: value.detach().cpu().contiguous() for key, value in classifier.module.state_dict().items()}
    metadata = {ENTRY: json.dumps(dataclasses.asdict(record))}  # one entry: safetensors writes several in any order

    def save(beside: Path) -> None:
        safetensors.torch.save_file(state, beside, metadata)
        beside.chmod(0o644)  # safetensors keeps its files to their owner

    write_whole(place, save, otherwise=ELSEWHERE)


def card(job: Job, record: TrainedRecord, state: State) -> str:
    """The model card: network, data, accuracy, each value of the recipe with its source, the versions."""
    design, data = record.built, job.data.train
    options = "".join(f", {name} {value}" for name, value in design.options.items())
    measured = "not measured" if record.accuracy is None else f"{record.accuracy:.2f} % on {record.accuracy_on}"
    kept = "the highest accuracy, the first of ties" if job.recipe.keep == "best" else "the last epoch"
    lines = [
        f"# {design.network}, trained by wsol",
        "",
        f"- network: {design.network}{options}; new head: {design.new_head}; starts from {job.start.origin}",
        f"- input: {design.input_size} x {design.input_size} pixels, RGB in [0, 1], mean {_colors(record.mean)}, "
        f"standard deviation {_colors(record.std)}",
        f"- data: {data.dataset.key}, {data.name}: {len(data.samples)} images of {design.num_classes} classes",
        f"- technique: {record.technique}; recipe: {record.recipe}; seed {record.seed}",
        f"- weights: those of {kept}, epoch {record.epochs} of {job.recipe.epochs}",
        f"- top-1 accuracy: {measured}",
        "",
        f"`wsol run model={FILE}` loads this file; it says which network it belongs to.",
        "",
        "## Recipe",
        "",
        "| name | value | certainty | source |",
        "|---|---|---|---|",
        *(_row(name, fact) for name, fact in sorted(job.facts.items())),
        "",
        "What is not here has its default: `wsol show recipe NAME` lists what a recipe sets.",
        "",
        "## Epochs",
        "",
        "| epoch | loss | accuracy |",
        "|---|---|---|",
        *(f"| {row['epoch']} | {row['loss']:.4f} | {_percent(row['accuracy'])} |" for row in state.history),
        "",
        "## Versions",
        "",
        ", ".join(f"{name} {version}" for name, version in versions().items() if version != "-"),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, fact: Value) -> str:
    source = "given on the command line" if fact.source == GIVEN else fact.source
    return f"| {name} | {fact.value} | {fact.certainty} | {source.replace('|', ' ')} |"


def _percent(value: Any) -> str:
    return "" if value is None else f"{value:.2f} %"


def _colors(values: Mapping[int, float] | Any) -> str:
    return " ".join(f"{value:g}" for value in values)
