"""The Python face, as the README shows it: a network, images, one call; nothing of the network is changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import wsol
from wsol.errors import ConfigError, LayerError, ModelError, UnknownName
from wsol.methods.layercam import LayerCAM

SIDE, CLASSES = 64, 7


class OwnNet(torch.nn.Module):
    """A network as people write them: four channels in, non-square maps, a head of its own."""

    def __init__(self, channels: int = 3, outputs: int = CLASSES) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(channels, 8, 3, stride=2, padding=1),
            torch.nn.ReLU(inplace=True),
            torch.nn.Conv2d(8, 12, 3, stride=2, padding=1),
            torch.nn.ReLU(inplace=True),
        )
        self.drop = torch.nn.Dropout(0.5)
        self.head = torch.nn.Linear(12, outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.head(self.drop(self.body(images).mean((2, 3))))
        return found


def own(**options: int) -> OwnNet:
    torch.manual_seed(0)
    return OwnNet(**options)


def resnet() -> torch.nn.Module:
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=CLASSES)


def vit() -> torch.nn.Module:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    net: torch.nn.Module = timm.create_model("vit_tiny_patch16_224", img_size=SIDE, num_classes=CLASSES)
    torch.nn.init.normal_(net.head.weight, std=0.1)  # timm's untrained head is zeros
    return net


def batch(count: int = 3, channels: int = 3, size: tuple[int, ...] = (SIDE, SIDE)) -> torch.Tensor:
    return torch.randn(count, channels, *size, generator=torch.Generator().manual_seed(1))


def pictures(count: int = 3) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)) for _ in range(count)]


def state_of(module: torch.nn.Module) -> list[Any]:
    """Everything that a call might leave changed."""
    return [
        [part.training for part in module.modules()],
        [(p.requires_grad, p.is_contiguous(), p.grad is None, p.data_ptr()) for p in module.parameters()],
        [p.detach().clone() for p in [*module.parameters(), *module.buffers()]],
        [
            len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks)
            for part in module.modules()
        ],
    ]


def unchanged(before: list[Any], after: list[Any]) -> bool:
    same = before[:2] == after[:2] and before[3] == after[3]
    return same and all(torch.equal(a, b) for a, b in zip(before[2], after[2], strict=True))


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("make", [resnet, vit, own])
def test_the_snippets_of_the_readme_run_and_leave_the_network_alone(
    make: Callable[[], torch.nn.Module], tmp_path: Any
) -> None:
    model, labels = make().train(), [0, 3, 6]
    before = state_of(model)
    maps = wsol.attribute(model, batch(), "layercam", target=labels)
    found = wsol.localize(maps, [(80, 60)] * 3, protocol="choe2020_v2", boxes=[[[0, 0, 40, 30]]] * 3, tau=0.2)
    metric = wsol.MaxBoxAcc(protocol="choe2020_v2")
    metric.update(maps, [[[0, 0, 40, 30]]] * 3, [(80, 60)] * 3)
    assert len(maps) == 3
    assert list(maps.targets) == labels
    assert found[0].boxes(0.2).shape[1] == 4
    assert found[0].count == len(found[0].boxes())
    assert 0 <= found[0].iou <= 1
    assert metric.compute().keys() >= {"maxboxacc_v2", "maxboxacc@50", "gt_known_loc", "best_tau"}

    @wsol.method("typed2026", paper="me, 2026", year=2026)
    class Typed:
        """A method typed in a notebook."""

        def __call__(self, layer: wsol.LayerFeatures) -> torch.Tensor:
            return (layer.gradients * layer.activations).sum(1)

    data = [(image, label, [[5, 5, 40, 40]]) for image, label in zip(pictures(), labels, strict=True)]
    methods = ["gradcam", LayerCAM(gamma=2), Typed]  # type: ignore[call-arg]
    result = wsol.evaluate(model, data, methods=methods, protocols=["choe2020_v2"], input_size=SIDE)
    assert set(result.rows()["method"]) == {"gradcam", "layercam", "typed2026"}
    assert len(result.rows()) == 9
    assert "typed2026" in str(result.table())
    assert "A - B" in str(result.compare("gradcam", "typed2026"))
    assert "<table" in result._repr_html_()
    assert result.report(tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert result.plot("tau").axes
    assert wsol.overlay(data[0][0], maps[0], boxes=found[0].boxes()).size[0] >= 80
    assert unchanged(before, state_of(model))


def test_importing_wsol_loads_nothing_heavy() -> None:
    code = "import sys, wsol; wsol.attribute; assert 'torch' in sys.modules"
    light = "import sys, wsol; dir(wsol); wsol.MaxBoxAcc('choe2020_v2'); assert 'torch' not in sys.modules"
    for line in (code, light):
        assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0, line


def test_every_name_of_the_face_exists() -> None:
    assert sorted(wsol.__all__) == sorted({*wsol.FACE, "__version__"})
    for name in wsol.__all__:
        assert getattr(wsol, name) is not None
    with pytest.raises(AttributeError, match="module 'wsol' has no attribute 'atribute'"):
        wsol.atribute  # noqa: B018


def test_maps_equal_the_formula_written_down() -> None:
    """Grad-CAM (Selvaraju et al., 2017, eq. 1 and 2), where the gradient of a linear head is known."""
    model, images = own().eval(), batch()
    activations = model.body(images).detach()
    weights = model.head.weight[2].detach() / activations[0, 0].numel()  # the mean over space of the gradient
    expected = (weights[None, :, None, None] * activations).sum(1).relu().numpy()
    maps = wsol.attribute(model, images, "gradcam", layers="body.3", target=2)
    np.testing.assert_allclose(np.asarray(maps), expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("target", "classes"),
    [
        (2, [2, 2, 2]),
        ([1, 0, 4], [1, 0, 4]),
        ("dog", [1, 1, 1]),
        (["dog", "cat", "dog"], [1, 0, 1]),
        (torch.tensor(3), [3] * 3),
    ],
)
def test_targets_are_indices_names_or_one_per_image(target: Any, classes: list[int]) -> None:
    names = ("cat", "dog", "owl")
    maps = wsol.attribute(own(), batch(), "gradcam", layers="body.3", target=target, class_names=names)
    one_by_one = [
        wsol.attribute(own(), batch()[n : n + 1], "gradcam", layers="body.3", target=label)[0]
        for n, label in enumerate(classes)
    ]
    np.testing.assert_allclose(np.asarray(maps), np.stack(one_by_one), rtol=1e-5, atol=1e-8)
    assert list(maps.targets) == classes


def test_the_predicted_class_is_the_highest_logit() -> None:
    model = own().train()
    predicted = own().eval()(batch()).argmax(1).tolist()
    assert list(wsol.attribute(model, batch(), "gradcam", layers="body.3").targets) == predicted


def test_a_function_of_the_output_explains_any_network() -> None:
    class Detector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = own()

        def forward(self, images: torch.Tensor) -> dict[str, Any]:
            return {"scores": (self.net(images), images)}

    plain = wsol.attribute(own(), batch(), "layercam", layers="body.3", target=4)
    through = wsol.attribute(
        Detector(), batch(), "layercam", layers="net.body.3", target=lambda output, images: output["scores"][0][:, 4]
    )
    np.testing.assert_allclose(np.asarray(through), np.asarray(plain), rtol=1e-6)
    with pytest.raises(ModelError, match="Detector returns a dict; give a function of it as target"):
        wsol.attribute(Detector(), batch(), layers="net.body.3", target=1)
    with pytest.raises(ModelError, match=r"target returns \(3, 7, 1\); expected one score per image"):
        wsol.attribute(own(), batch(), layers="body.3", target=lambda output, images: output[:, :, None])


@pytest.mark.parametrize("method", ["gradcam", "scorecam", "ablationcam", "rise"])
def test_a_function_that_picks_a_class_equals_that_class(method: str) -> None:
    options = {} if method == "rise" else {"layers": "body.3"}
    picked = wsol.attribute(own(), batch(1), method, target=lambda output, images: output[:, 4], **options)
    assert np.isfinite(np.asarray(picked)).all()


@pytest.mark.parametrize(("channels", "size"), [(1, (64, 64)), (4, (64, 64)), (3, (48, 80)), (6, (40, 64))])
def test_any_number_of_channels_and_any_proportions(channels: int, size: tuple[int, int]) -> None:
    maps = wsol.attribute(own(channels=channels), batch(2, channels, size), "layercam", target=1)
    assert maps.raw.shape == (2, size[0] // 4, size[1] // 4)


def test_layers_are_names_modules_presets_or_several() -> None:
    model = own()
    by_name = wsol.attribute(model, batch(), "layercam", layers="body.3", target=1)
    by_module = wsol.attribute(model, batch(), "layercam", layers=model.body[3], target=1)
    fused = wsol.attribute(model, batch(), "layercam", layers=[model.body[1], "body.3"], target=1)
    assert np.array_equal(by_name.raw, by_module.raw)
    assert fused.raw.shape == (3, 32, 32)
    assert fused.method == "layercam@body.1+body.3"
    with pytest.raises(ConfigError, match="a Linear is not a module of this OwnNet"):
        wsol.attribute(model, batch(), layers=torch.nn.Linear(2, 2))
    with pytest.raises(LayerError, match=r"nearest: 'body\.3'"):
        wsol.attribute(model, batch(), layers="bodi.3")


def test_wrapped_frozen_and_half_precision_networks_give_the_same_maps() -> None:
    plain = np.asarray(wsol.attribute(own(), batch(), "layercam", layers="body.3", target=1))
    frozen = own().requires_grad_(False)
    for model in (frozen, torch.nn.DataParallel(own()), torch.compile(own())):
        assert np.array_equal(np.asarray(wsol.attribute(model, batch(), "layercam", layers="body.3", target=1)), plain)
    half = wsol.attribute(own().bfloat16(), batch(), "layercam", layers="body.3", target=1)
    np.testing.assert_allclose(np.asarray(half), plain, atol=0.05 * plain.max())


@pytest.mark.full
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("method", ["cam", "scorecam", "ablationcam", "rollout"])
def test_half_precision_works_beyond_one_pass(dtype: torch.dtype, method: str) -> None:
    """Heads are proved in full precision, masked forwards and attention run in the network's own."""
    plain, half = (vit(), vit().to(dtype)) if method == "rollout" else (own(), own().to(dtype))
    layers = {} if method == "rollout" else {"layers": "body.3"}
    exact, rounded = (np.asarray(wsol.attribute(m, batch(2), method, target=1, **layers)) for m in (plain, half))
    np.testing.assert_allclose(rounded, exact, atol=0.1 * np.abs(exact).max())


@pytest.mark.full
@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, torch.compile])
def test_a_wrapped_network_is_predicted_scored_and_evaluated(wrap: Callable[..., Any]) -> None:
    data = [(picture, 1, [[5, 5, 40, 40]]) for picture in pictures()]
    for score in ("predicted", lambda output, images: output[:, 1]):
        bare, wrapped = (
            np.asarray(wsol.attribute(model, batch(2), "scorecam", layers="body.3", target=score))
            for model in (own(), wrap(own()))
        )
        assert np.array_equal(bare, wrapped)
    tables = [
        wsol.evaluate(model, data, "gradcam", layers="body.3", input_size=SIDE).rows() for model in (own(), wrap(own()))
    ]
    scored = [name for name in tables[0].columns if name.startswith("choe2020_v2")]
    assert scored
    for name in ("probability", *scored):
        assert all(np.array_equal(a, b) for a, b in zip(tables[0][name], tables[1][name], strict=True)), name


def test_a_network_that_keeps_no_graph_is_refused_in_one_sentence() -> None:
    class Closed(OwnNet):
        @torch.no_grad()
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images)

    with pytest.raises(
        LayerError, match=r"no gradient at 'body\.3': nothing behind reads it, or the network runs under"
    ):
        wsol.attribute(Closed(), batch(2), "gradcam", layers="body.3", target=1)
    torch.manual_seed(0)
    closed = wsol.attribute(Closed(), batch(2), "scorecam", layers="body.3", target=1)
    assert np.array_equal(closed.raw, wsol.attribute(own(), batch(2), "scorecam", layers="body.3", target=1).raw)


def test_images_that_a_network_does_not_take_are_refused_in_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"OwnNet can't run on images of shape \(2, 4, 64, 64\) .*; give it the shape"):
        wsol.attribute(own(), batch(2, channels=4), "gradcam", layers="body.3", target=1)


@pytest.mark.parametrize("outputs", [1, 4])
def test_vectors_and_single_logits_are_explained(outputs: int) -> None:
    class Regression(OwnNet):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images)[:, 0]

    torch.manual_seed(0)
    maps = wsol.attribute(Regression(outputs=outputs), batch(), "gradcam", layers="body.3", target=0)
    column = wsol.attribute(own(outputs=outputs), batch(), "gradcam", layers="body.3", target=0)
    assert np.array_equal(maps.raw, column.raw)


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        ({"method": "gradcamm"}, UnknownName, "nearest: 'gradcam'"),
        ({"target": "dog"}, ConfigError, "the names of the classes are not known; give class_names="),
        ({"target": [1, 2]}, ConfigError, "target has 2 classes for 3 images"),
        ({"target": 99}, ConfigError, "target 99 is out of range; expected 0 to 6"),
        ({"gama": 2}, ConfigError, "nearest: 'methods.layercam.gamma'"),
        ({"images": torch.zeros(3, 4)}, ConfigError, r"images of shape \(3, 4\) are not a batch"),
        ({"images": []}, ConfigError, "images is empty"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(
    words: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    given = {"images": batch(), "target": 1, **words}
    with pytest.raises(error, match=sentence):
        wsol.attribute(own(), given.pop("images"), **given)


def test_images_are_resized_and_normalized_as_the_command_line_does() -> None:
    classifier = wsol.load_classifier("shapes_gap")
    maps = wsol.attribute(classifier, pictures(), "gradcam", layers="last", target=1)
    assert maps.sizes_wh == [(80, 60)] * 3
    arrays = [np.asarray(p.resize((128, 128), Image.Resampling.BILINEAR), np.float32) for p in pictures()]
    mean, std = np.float32(classifier.mean), np.float32(classifier.std)
    inputs = torch.from_numpy(np.stack([(a / np.float32(255) - mean) / std for a in arrays])).permute(0, 3, 1, 2)
    by_hand = wsol.attribute(classifier.module, inputs, "gradcam", layers="stage5", target=1)
    np.testing.assert_allclose(maps.raw, by_hand.raw, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("method", "forwards"), [("layercam", 1), ("gradcam", 1), ("cam", 2), ("hirescam", 1)])
def test_a_named_layer_and_class_cost_one_forward(method: str, forwards: int) -> None:
    """No trace for stages, no search for a head that is not asked for; CAM proves its head by one more forward."""
    model, calls = own(), []
    model.register_forward_pre_hook(lambda module, args: calls.append(len(args[0])))
    wsol.attribute(model, batch(), method, layers="body.3", target=1)
    assert len(calls) == forwards
