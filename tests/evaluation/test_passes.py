"""One forward and one backward pass serve all variants: real passes of the network are counted, not believed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.evaluation.small import made, ran
from wsol.evaluation.experiment import Experiment
from wsol.runs.schema import COUNTED

METHODS = ("gradcam", "gradcam_pp", "hirescam", "layercam", "xgradcam", "elementwise")
LAYERS = ("stage1", "stage2", "stage3", "stage4")  # not the deepest one
N, BATCH = 12, 5
SIZES = (5, 5, 2)  # of the batches
PLAIN = (f"dataset.n={N}", f"engine.batch_size={BATCH}", "model=shapes_vgg", "model.weights=random")


@dataclass
class Passes:
    """Images that went through the network, and through its backward pass."""

    forwards: int = 0
    backwards: int = 0


@contextmanager
def counted(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Passes]:
    """The real passes of a block."""
    found, grad = Passes(), torch.autograd.grad

    def forward(module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        found.forwards += len(args[0])

    def backward(outputs: Any, inputs: Any, *args: Any, **options: Any) -> Any:
        found.backwards += len(inputs[0])
        return grad(outputs, inputs, *args, **options)

    assert experiment.classifier is not None
    handle = experiment.classifier.module.register_forward_pre_hook(forward)
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", backward)
        yield found
    handle.remove()


def passes_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Passes:
    experiment = made(*PLAIN, *words)
    with counted(experiment, monkeypatch) as found:
        folder = ran(experiment, tmp_path)
    for table in folder.tables().values():
        assert [set(table[name].to_pylist()) for name in COUNTED] == [{1.0}, {1.0}, {0.0}]  # as if it ran alone
    return found


def chosen(methods: tuple[str, ...], layers: tuple[str, ...]) -> list[str]:
    return [f"method=[{','.join(methods)}]", *(f"methods.{m}.layers=[{','.join(layers)}]" for m in methods)]


def measured(passes: int, sizes: Iterable[int] = SIZES) -> int:
    """Images that the times of `passes` different passes take: each twice on the first batch of each size."""
    return 2 * passes * sum(set(sizes))


def test_many_variants_of_many_layers_are_one_forward_and_one_backward_per_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = passes_of(tmp_path, monkeypatch, *chosen(METHODS, LAYERS), "protocol=[choe2020_v1,choe2020_v2]")
    deepest = 1  # one image tells how large the deepest stage is; none of these methods asks for a layer's head
    assert found.forwards == N + measured(len(LAYERS)) + deepest
    assert found.backwards == N + measured(len(LAYERS))


def test_options_and_fusions_of_one_layer_set_share_its_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["method=[layercam]", "methods.layercam.layers=[stage3+stage5]", "methods.layercam.gamma=[null,1,2]"]
    found = passes_of(tmp_path, monkeypatch, *words, "methods.layercam.fuse=[max,mean]", "protocol=[exact]")
    assert found.forwards == N + measured(1)
    assert found.backwards == N + measured(1)


@pytest.mark.full
def test_each_view_is_one_more_pass_over_its_crops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocols without a view of their own, and those that state the run's, add nothing."""
    words = [*chosen(("gradcam",), ("stage5",)), "engine.batch_size=6"]
    one = passes_of(tmp_path / "one", monkeypatch, *words, "protocol=[choe2020_v1]")
    same = passes_of(tmp_path / "same", monkeypatch, *words, "protocol=[choe2020_v1,choe2020_v2,exact,gradcam2017]")
    crop = passes_of(tmp_path / "crop", monkeypatch, *words, "protocol=[choe2020_v1,psol2020,rethinkingcam2020]")
    ten = passes_of(tmp_path / "ten", monkeypatch, *words, "protocol=[choe2020_v1,layercam2021]")
    assert one.forwards == N + measured(1, [6])
    assert one == same
    assert crop == Passes(one.forwards + N, one.backwards + N)
    assert ten == Passes(one.forwards + 10 * N, one.backwards + 10 * N)


def test_the_same_command_again_runs_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*chosen(("gradcam",), ("stage5",)), "protocol=[exact]")
    assert passes_of(tmp_path, monkeypatch, *words).forwards > N
    assert passes_of(tmp_path, monkeypatch, *words) == Passes()
