"""Where memory runs out, work is done in halves, and the numbers stay; other errors go their way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from torch import Tensor, nn

from tests.evaluation.small import made, ran, rows
from tests.methods.nets import TinyGAP, TinyVGG, make_images, make_net
from wsol.errors import ConfigError
from wsol.evaluation.device import engine_of
from wsol.models.memory import Fitting, out_of_memory
from wsol.models.query import ModelQuery

OUT = (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate"), MemoryError(), RuntimeError(
    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
))  # fmt: skip


@contextmanager
def room_for(net: nn.Module, most: int, sizes: list[int]) -> Iterator[None]:
    """A device on which a batch of more than `most` images does not fit; notes the sizes that were tried."""

    def check(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        sizes.append(len(args[0]))
        if len(args[0]) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    handle = net.register_forward_pre_hook(check)
    try:
        yield
    finally:
        handle.remove()


@pytest.mark.parametrize("error", OUT, ids=lambda e: type(e).__name__)
def test_work_is_halved_until_it_fits_and_stays_so(error: Exception) -> None:
    fitting, tried = Fitting(), []

    def work(part: Sequence[int]) -> list[int]:
        tried.append(len(part))
        if len(part) > 3:
            raise error
        return list(part)

    assert [*chain(*fitting.run("kind", range(10), work))] == list(range(10))
    assert tried == [10, 5, 3, 2, 3, 2]
    assert [*chain(*fitting.run("kind", range(7), work))] == list(range(7))
    assert tried[6:] == [3, 3, 1]
    assert fitting.most == {"kind": 3}


def test_one_item_that_does_not_fit_and_other_errors_are_raised() -> None:
    def fails(part: Sequence[int]) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        Fitting().run("kind", range(4), fails)

    def wrong(part: Sequence[int]) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    fitting = Fitting()
    with pytest.raises(RuntimeError, match="shapes"):
        fitting.run("kind", range(4), wrong)
    assert not fitting.most
    assert not out_of_memory(ValueError("can't allocate memory"))


@pytest.mark.parametrize("pad", [False, True])
def test_a_query_answers_the_same_in_chunks_that_fit(pad: bool) -> None:
    net, images, sizes = make_net(TinyGAP), make_images(11), list[int]()
    expected = ModelQuery(net, chunk=8).logits(images)
    query = ModelQuery(net, chunk=8, pad=pad)
    with room_for(net, 2, sizes):
        found = query.logits(images)
        again = query.logits(images)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(again, expected, rtol=1e-12, atol=1e-12)
    assert [size for size in sizes if size > 2] == [8, 4]  # learned once, for padded chunks too
    assert query.cost.forwards == 22  # what was given, whatever was tried


def test_partial_forwards_are_halved_too() -> None:
    net, images = make_net(TinyVGG), make_images(1)
    activations = torch.rand(9, 7, 8, 8, dtype=images.dtype)
    expected = ModelQuery(net, chunk=9).logits_from("features.7", activations, images[0])
    query, sizes = ModelQuery(net, chunk=9), list[int]()
    with room_for(net.classifier, 3, sizes):
        found = query.logits_from("features.7", activations, images[0])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert sizes[:2] == [9, 5]
    assert max(sizes[3:]) <= 3
    assert query.cost.partial_forwards == 9


FEW = ("dataset.n=6", "method=[gradcam,layercam]", "protocol=[choe2020_v1]", "engine.batch_size=6", "model=shapes_vgg")


def test_a_run_whose_batch_does_not_fit_has_the_same_rows_and_says_which_batch_it_took(tmp_path: Path) -> None:
    whole = ran(made(*FEW), tmp_path / "whole")
    experiment, sizes = made(*FEW), list[int]()
    assert experiment.classifier is not None
    with room_for(experiment.classifier.module, 2, sizes):
        forced = ran(experiment, tmp_path / "forced")
    assert forced.name == whole.name  # the asked size is the identity

    def columns(table: pa.Table) -> dict[str, Any]:
        keep = [c for c in table.column_names if c.endswith(("breaks", "boxes", "hits")) or c in ("image_id", "rank")]
        return table.select(keep).to_pydict()

    for key, table in rows(whole).items():
        assert columns(table) == columns(rows(forced)[key])
    for folder, batch in ((whole, None), (forced, 2.0)):
        for table in folder.tables().values():
            assert table["batch"].to_pylist() == [batch] * 6
    assert sizes.count(6) == 1


def test_the_asked_batch_and_compilation_are_part_of_the_identity_and_defaults_leave_no_trace() -> None:
    plain = made("dataset.n=2", "method=[fullbox]", "protocol=[choe2020_v1]", "model=shapes_gap")
    assert "batch_size" not in plain.family
    assert plain.family["numerics"] == ["cpu", "float32", False]
    other = made(
        "dataset.n=2",
        "method=[fullbox]",
        "protocol=[choe2020_v1]",
        "model=shapes_gap",
        "engine.compile=default",
        "engine.batch_size=8",
    )
    assert other.family["batch_size"] == 8
    assert other.family["numerics"] == ["cpu", "float32", False, "compile=default"]
    assert other.folder_name != plain.folder_name
    assert other.about().run.compiled


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            {"precision": "float16"},
            "engine.precision=float16 needs CUDA, and the device is cpu; choose engine.precision=b",
        ),
        (
            {"compile": "graphs"},
            "engine.compile=graphs needs CUDA, and the device is cpu; choose engine.compile=default",
        ),
    ],
)
def test_what_only_cuda_has_is_refused_elsewhere(setting: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        engine_of({"engine": {"device": "cpu", **setting}})


def test_compiled_forwards_are_made_once_for_one_size_and_the_shared_pass_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The compiler itself takes a minute; what it is given, and how often, is ours."""
    net, images, calls = make_net(TinyGAP), make_images(10), list[int]()
    made_with: list[dict[str, Any]] = []

    def compiler(module: nn.Module, **options: Any) -> Any:
        made_with.append(options)
        return lambda given: calls.append(len(given)) or module(given)

    monkeypatch.setattr(torch, "compile", compiler)
    query = ModelQuery(net, chunk=4, compile="default")
    torch.testing.assert_close(query.logits(images), ModelQuery(net).logits(images), rtol=1e-12, atol=1e-12)
    query.forward_backward(images[:2], torch.tensor([0, 1]), ["block"])
    assert calls == [4, 4, 4]  # the last chunk of two is padded
    assert made_with == [{"dynamic": False, "mode": None}]
