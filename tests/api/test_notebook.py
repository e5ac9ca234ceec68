"""What a new user of the Python face types: each stop of a trial in a notebook is a case here."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import wsol
from tests.api.small_net import SIDE, Net, batch, data, pictures, rows
from wsol.errors import ConfigError, DataError, ModelError


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (
            batch()[0],
            r"images of shape .*; give it the shape it was made for, one image as a batch of one, images\[None\]",
        ),
        (torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8), "images are torch.uint8; a network takes normalized floats"),
        ([batch()[0], batch()[1]], r"images is a list of tensors; give torch.stack\(images\)"),
        (torch.utils.data.DataLoader([1, 2]), "images is a DataLoader; call attribute for each of its batches"),
        (["cat.jpg"], "image 0: .*expected a PIL image"),
    ],
)
def test_images_of_another_kind_are_refused_with_what_to_give(images: Any, sentence: str) -> None:
    with pytest.raises((ConfigError, ModelError, DataError), match=sentence):
        wsol.attribute(Net(), images, layers="body.3")


def test_arrays_are_images_too() -> None:
    inputs, photo = batch(), pictures(1)[0]
    of_tensor = wsol.attribute(Net(), inputs, layers="body.3").raw
    assert np.array_equal(wsol.attribute(Net(), inputs.numpy(), layers="body.3").raw, of_tensor)
    of_picture = wsol.attribute(Net(), photo, layers="body.3", input_size=SIDE)
    of_array = wsol.attribute(Net(), np.asarray(photo), layers="body.3", input_size=SIDE)
    assert np.array_equal(of_array.raw, of_picture.raw)
    assert of_array.sizes_wh == [(40, 30)]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"target": torch.eye(5)[:2]}, r"a target of shape \(5,\) is not a class; expected an index, a name"),
        ({"target": [0.5, 1]}, "a target 0.5 is not a class"),
        ({"layers": -1}, "layers=-1: expected a name such as 'layer4', 'stage4' or 'last', or a module"),
        ({"method": lambda layer: layer.activations.mean(1)}, r"<lambda> is a function; a method is a class with"),
        ({"mean": (0.5, 0.5)}, "2 numbers of a normalization; expected one, or three"),
    ],
)
def test_options_of_another_kind_are_refused_with_what_to_give(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        wsol.attribute(Net(), batch(), **{"layers": "body.3", **options})


def test_no_target_is_the_predicted_class() -> None:
    model = Net()
    assert list(wsol.attribute(model, batch(), target=None).targets) == model(batch()).argmax(1).tolist()


def test_a_class_needs_no_more_than_a_key_and_can_be_typed_again() -> None:
    for power in (1, 2):

        @wsol.method("typedagain")
        @dataclasses.dataclass
        class Typed:
            scale: float = 1.0

            def __call__(self, layer: wsol.LayerFeatures) -> torch.Tensor:
                return self.scale * power * layer.activations.mean(1)  # noqa: B023

        of_class = wsol.attribute(Net(), batch(), Typed, layers="body.3").raw
        of_options = wsol.attribute(Net(), batch(), Typed(scale=2.0), layers="body.3").raw
        by_name = wsol.attribute(Net(), batch(), "typedagain", scale=2.0, layers="body.3").raw
        assert of_class.mean() == pytest.approx(power * Net().body(batch()).mean().item())
        assert np.array_equal(of_options, by_name)
        assert np.allclose(of_options, 2 * of_class)


def test_a_class_that_was_not_registered_is_refused_with_the_line_that_does() -> None:
    class Mine:
        def __call__(self, layer: wsol.LayerFeatures) -> torch.Tensor:
            return layer.activations.mean(1)

    with pytest.raises(ConfigError, match=r"Mine is not registered; write @wsol.method\('mine'\) above the class"):
        wsol.attribute(Net(), batch(), Mine)  # type: ignore[arg-type]


def test_a_network_of_one_channel_receives_the_luma() -> None:
    gray, color = Net(channels=1), Net()
    luma = torch.tensor([0.299, 0.587, 0.114])
    color.load_state_dict({**gray.state_dict(), "body.0.weight": gray.body[0].weight * luma[None, :, None, None]})
    for dataset, options in ((data(), {}), (data(), {"mean": 0.5, "std": 0.25})):
        one, three = rows(gray, dataset, **options), rows(color, dataset, **options)
        np.testing.assert_allclose(one["probability"], three["probability"], rtol=1e-5)
        assert one["choe2020_v2/iou_at_tau"].tolist() == three["choe2020_v2/iou_at_tau"].tolist()
    photo = pictures(1)[0]
    maps = [wsol.attribute(net, photo, layers="body.3", input_size=SIDE, target=0).raw for net in (gray, color)]
    np.testing.assert_allclose(*maps, rtol=1e-4, atol=1e-8)
    assert not gray._forward_pre_hooks
    own = wsol.attribute(gray, batch(channels=1), layers="body.3")
    assert own.raw.shape == (2, 8, 8)


@pytest.mark.parametrize(
    "end",
    [
        lambda logits: (logits, None),
        lambda logits: {"logits": logits},
        lambda logits: (logits.sigmoid(),),
    ],
)
def test_outputs_of_any_kind_are_evaluated_through_a_function(end: Any) -> None:
    def read(output: Any, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = output["logits"] if isinstance(output, dict) else output[0]
        return logits.logit() if isinstance(output, tuple) and len(output) == 1 else logits

    given, plain = rows(Net(end=end), data(), output=read), rows(Net(), data())
    np.testing.assert_allclose(given["probability"], plain["probability"], rtol=1e-5)
    assert given["choe2020_v2/hit"].tolist() == plain["choe2020_v2/hit"].tolist()


def test_two_functions_of_one_network_are_two_runs(tmp_path: Any) -> None:
    model = Net(end=lambda logits: (logits, -logits))
    first, second, again = (
        rows(model, data(), output=lambda output, images, head=head: output[head], runs=tmp_path) for head in (0, 1, 0)
    )
    assert not np.allclose(first["probability"], second["probability"])
    assert first["probability"].tolist() == again["probability"].tolist()


def test_sigmoids_and_probabilities_are_evaluated_as_logits() -> None:
    plain = rows(Net(), data())
    for kind, end in (("sigmoid", torch.sigmoid), ("prob", lambda logits: logits.softmax(1))):
        model = Net(end=end)
        found = rows(model, data(), output=kind)
        np.testing.assert_allclose(found["probability"], plain["probability"], rtol=1e-4)
        assert not model._forward_hooks


@pytest.mark.parametrize("end", [None, lambda logits: logits[:, 0]])
def test_one_output_tells_two_classes_apart(end: Any) -> None:
    one = Net(classes=1, end=end)
    two = Net(classes=1, end=lambda logits: torch.cat([-logits / 2, logits / 2], 1))
    dataset = data((0, 1, 1, 0))
    assert rows(one, dataset)["probability"].tolist() == pytest.approx(rows(two, dataset)["probability"].tolist())
    assert not one._forward_hooks


def test_labels_may_be_names() -> None:
    names = ["cat", "dog", "owl", "fox", "elk"]
    assert rows(Net(), data(("dog", "owl", "elk", "cat")), class_names=names)["label"].tolist() == [1, 2, 4, 0]
    with pytest.raises(DataError, match=r"no class \(item 1\) 'owll'; nearest: 'owl'"):
        rows(Net(), data(("dog", "owll")), class_names=names)
    with pytest.raises(DataError, match=r"item 0 has the label 'dog'.*or a name where class_names are given"):
        rows(Net(), data(("dog", "owl")))
    with pytest.raises(ConfigError, match="class_names has 2 names, and Net has 5 classes"):
        rows(Net(), data((0, 1)), class_names=["cat", "dog"])


def test_what_the_command_line_refuses_is_refused_here() -> None:
    masks = [(image, 0, np.ones((30, 40), np.uint8)) for image in pictures()]
    with pytest.raises(
        DataError, match=r"4 of 4 images have no box .*; for masks choose protocol=\[\] metric=\[pxap\]"
    ):
        rows(Net(), masks)
    with pytest.raises(DataError, match="no box"):
        rows(Net(), [(image, 0) for image in pictures()])
    with pytest.raises(DataError, match="has label 7, but Net knows 5 classes"):
        rows(Net(), data((0, 7)))
    with pytest.raises(ConfigError, match=r"changes one network input, and view .* has several"):
        rows(Net(), data(), metrics=["drop"], view="tencrop")
    with pytest.raises(ModelError, match=r"Net returns a tuple; give a function of it as output, .*output\[0\]"):
        rows(Net(end=lambda logits: (logits,)), data())


def test_what_is_looked_at_is_short() -> None:
    metric = wsol.MaxBoxAcc()
    metric.update(np.ones((2, 4, 4)), [[[0, 0, 4, 4]]] * 2, [(8, 8)] * 2)
    assert repr(metric) == "MaxBoxAcc(2 images under choe2020_v2)"
    for shown in (wsol.PythonDataset(items=data()), wsol.load_classifier("shapes_gap")):
        assert len(repr(shown)) < 400


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor, list])
def test_maps_made_elsewhere_are_arrays_tensors_or_lists(kind: Any) -> None:
    raw = np.zeros((2, 4, 4), np.float32)
    raw[:, 1:3, 1:3] = 1
    metric = wsol.MaxBoxAcc()
    metric.update(kind(raw), [[[2, 2, 6, 6]]] * 2, [(8, 8)] * 2)
    assert metric.compute()["gt_known_loc"] == 100
    assert [found.count for found in wsol.localize(kind(raw), [(8, 8)] * 2)] == [1, 1]


@pytest.mark.parametrize("label", [3, 3.0, np.int64(3), np.array([3]), torch.tensor(3), torch.tensor([3])])
def test_a_label_is_a_number_of_any_kind(label: Any) -> None:
    assert [sample.label for sample in wsol.PythonDataset(items=data((label,))).samples()] == [3]
    assert list(wsol.attribute(Net(), batch(1), layers="body.3", target=label).targets) == [3]


def test_a_variant_may_be_spelled_as_tables_print_it() -> None:
    spelled = wsol.attribute(Net(), batch(), "layercam@body.1+body.3[gamma=3]")
    given = wsol.attribute(Net(), batch(), "layercam", layers=["body.1", "body.3"], gamma=3)
    assert np.array_equal(spelled.raw, given.raw)
    assert spelled.method == given.method


def test_layers_are_for_the_methods_that_were_given_none() -> None:
    model = Net()
    methods = (name for name in ("layercam@body.1", "gradcam", "fullbox", "inputedge"))
    for layers in ("body.3", model.body[3], ["body.3"]):
        found = rows(
            model, data(), methods=methods if layers == "body.3" else ["layercam@body.1", "gradcam"], layers=layers
        )
        assert {"layercam@body.1", "gradcam@body.3"} <= set(found["variant"])


def test_a_dataset_that_changes_or_fails_is_reported() -> None:
    class Items:
        def __init__(self, fail: bool) -> None:
            self.fail, self.count = fail, 0

        def __len__(self) -> int:
            return 3

        def __getitem__(self, place: int) -> Any:
            self.count += 1
            if self.fail and place == 1:
                raise KeyError(101)
            pixels = np.full((30, 40, 3), self.count, np.uint8)
            return pixels, 1, [[5, 5, 20, 20]]

    with pytest.raises(DataError, match="item 1 can't be read: KeyError: 101"):
        rows(Net(), Items(fail=True))
    with pytest.raises(DataError, match=r"item . gives different pixels than before; its transform must not be random"):
        rows(Net(), Items(fail=False))


def test_what_is_not_a_network_is_refused() -> None:
    for call in (lambda: wsol.attribute(len, batch()), lambda: rows(len, data())):  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=r"model is a builtin_function_or_method; expected a torch.nn.Module"):
            call()
    with pytest.raises(ModelError, match=r"for another size give model.input_size \(in Python: input_size=\)"):
        wsol.evaluate(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)), data())


def test_a_network_by_name_is_fed_as_it_wants() -> None:
    by_name = wsol.attribute("shapes_gap", pictures(1), "gradcam", target=1)
    loaded = wsol.attribute(wsol.load_classifier("shapes_gap"), pictures(1), "gradcam", target=1)
    assert np.array_equal(by_name.raw, loaded.raw)


def test_another_normalization_is_another_run(tmp_path: Any) -> None:
    classifier = wsol.load_classifier("shapes_gap")
    for model in (Net(), classifier):
        found = [
            rows(model, data(), runs=tmp_path, layers=None, mean=mean, input_size=64)["probability"].tolist()
            for mean in (0.2, 0.8, 0.2)
        ]
        assert found[0] != pytest.approx(found[1])
        assert found[0] == found[2]


def test_a_device_on_which_nothing_can_be_computed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="Net is on the device meta, where weights have no values"):
        wsol.attribute(Net().to("meta"), batch(), "gradcam")

    def zeros(*sizes: int, dtype: torch.dtype | None = None, device: Any = None) -> torch.Tensor:
        if dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")  # as torch on a Mac
        return torch.empty(*sizes)

    monkeypatch.setattr("wsol.api.inputs.torch.zeros", zeros)
    for call in (lambda: wsol.attribute(Net(), batch(), "gradcam"), lambda: rows(Net(), data())):
        with pytest.raises(ModelError, match=r"Net is on cpu, which has no float64, .*; give model\.cpu\(\)"):
            call()


def test_maps_without_numbers_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    images = batch(3)
    images[1] = torch.nan
    wsol.attribute(Net(), images, "gradcam", layers="body.3", target=0)
    assert caplog.messages == ["gradcam@body.3: 1 of 3 maps hold NaN or infinite values; look at these images"]
