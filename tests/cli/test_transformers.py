"""CAMs and attention methods on transformers, through the real command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from wsol.cli import main
from wsol.models.forward import capture
from wsol.models.stages import list_layers
from wsol.models.tokens import Grids
from wsol.models.zoo import load_classifier
from wsol.registry import load_file
from wsol.runs.find import open_run

MODELS = '''
import timm
import torchvision
from torch import nn

from wsol.models.registered import model


def filled(net: nn.Module) -> nn.Module:
    """Torchvision's and timm's untrained heads are zeros or nearly so."""
    for part in net.modules():
        if isinstance(part, nn.Linear) and part.out_features == 10:
            nn.init.normal_(part.weight)
    return net


@model("toy_vit", input_size=32)
def toy_vit():
    return filled(torchvision.models.VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=10))


@model("toy_swin", input_size=64)
def toy_swin():
    return filled(torchvision.models.SwinTransformer([4, 4], 8, [1, 1, 2], [1, 1, 2], [4, 4], num_classes=10))


SMALL = {"img_size": 64, "embed_dim": 24, "depth": 3, "num_heads": 2, "num_classes": 10}


@model("toy_timm_vit", input_size=64)
def toy_timm_vit():
    return filled(timm.create_model("vit_tiny_patch16_224", **SMALL))


@model("toy_deit", input_size=64)
def toy_deit():
    return filled(timm.create_model("deit_tiny_distilled_patch16_224", **SMALL))


@model("toy_timm_swin", input_size=112)
def toy_timm_swin():
    small = {"img_size": 112, "embed_dim": 8, "depths": (1, 1, 2), "num_heads": (1, 1, 2), "num_classes": 10}
    return filled(timm.create_model("swin_tiny_patch4_window7_224", **small))
'''
CAMS = "gradcam gradcam_pp xgradcam hirescam elementwise layercam eigencam reciprocam ablationcam scorecam"
ATTENTION = "lastattention rollout attngradcam genericattention legrad"
LAST = {
    "toy_vit": "encoder.layers.encoder_layer_2.ln_1",
    "toy_timm_vit": "blocks.2.norm1",
    "toy_deit": "blocks.2.norm1",
    "toy_swin": "features.5",
    "toy_timm_swin": "layers.2",
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("models") / "toy_transformers.py"
    file.write_text(MODELS)
    return file


def run(models: Path, name: str, methods: str, *words: str) -> Mapping[str, pa.Table]:
    runs = models.parent / "runs"
    few = ["dataset.n=2", "metric=[]", "protocol=[choe2020_v1]", "table=false", f"paths.runs={runs}"]
    chosen = f"method=[{','.join(methods.split())}]"
    assert main(["run", "--with", str(models), f"model={name}", chosen, *few, *words]) == 0
    return open_run("latest", runs).tables()


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("name", LAST)
def test_cams_run_on_a_transformer_and_find_its_layers(models: Path, name: str) -> None:
    attention = "" if "swin" in name else ATTENTION
    tables = run(models, name, f"{CAMS} {attention}", "methods.layercam.layers=[last,stage1+last]")
    expected = {f"{key}@stage3" for key in CAMS.split()} | set(attention.split())
    assert expected <= set(tables)
    assert len(tables) == len(expected) + 1  # LayerCAM's fused row
    assert all(len(table) == 2 for table in tables.values())


@pytest.mark.default_cases(2)
@pytest.mark.parametrize("name", LAST)
def test_the_last_layer_of_a_transformer_is_where_its_patches_still_count(
    models: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "layers", "--with", str(models), f"model={name}"]) == 0
    last = [line for line in capsys.readouterr().out.splitlines() if "stage" in line][-1]
    assert LAST[name] in last.split()


@pytest.mark.parametrize("name", LAST)
def test_every_layer_that_is_listed_can_be_looked_at_in_a_batch(models: Path, name: str) -> None:
    load_file(models)
    made = load_classifier(name)
    layers = {layer: shape for layer, _, shape in list_layers(made)}
    images = torch.randn(3, 3, made.input_size, made.input_size, generator=torch.Generator().manual_seed(0))
    with capture(made.module, list(layers), grids=Grids(made)) as forward:
        result = forward(images, torch.tensor([1, 2, 3]))
        alone = forward(images[1:2], torch.tensor([2]))
    assert len(layers) > 10
    for layer, shape in layers.items():
        assert result.activations[layer].shape == result.gradients[layer].shape == (3, *shape), layer
        for one, many in ((alone.activations, result.activations), (alone.gradients, result.gradients)):
            away = (one[layer][0] - many[layer][1]).abs().max()
            assert away <= 1e-4 * many[layer].abs().max(), layer


def test_a_method_of_attention_on_windows_says_what_to_use(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = models.parent / "refused"
    words = [
        "run",
        "--with",
        str(models),
        "model=toy_timm_swin",
        "method=[rollout]",
        "dataset.n=1",
        f"paths.runs={runs}",
    ]
    assert main(words) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(
        "wsol: RowsFailed: 1 of 1 variants failed on some images, first rollout on test/00000: LayerError: "
        "the attention of 'layers.0.blocks.0.attn' is not from every token"
    )
    assert "use a method of layers, such as gradcam, layercam or eigencam" in told


def test_every_method_of_attention_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "methods"]) == 0
    lines = [line.split("|") for line in capsys.readouterr().out.splitlines()]
    listed = {cells[1].strip() for cells in lines if len(cells) > 5 and "attention" in cells[5].split()}
    assert listed == {*ATTENTION.split(), "tscam"}
