"""CLIP: a timm tower with embedded texts as classes, from local files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import wsol
from wsol.errors import ConfigError, ModelError, UnknownName
from wsol.models.zoo import load_classifier

timm = pytest.importorskip("timm")
TOWER, NAMES = "vit_xsmall_patch16_clip_224", ["crow", "gull", "wren", "robin"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """A tower with a 16-dimensional embedding, four texts and their names."""
    torch.manual_seed(0)
    tower = timm.create_model(TOWER, num_classes=16)
    save_file(tower.state_dict(), tmp_path / "tower.safetensors")
    text = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    np.save(tmp_path / "birds.npy", text)
    (tmp_path / "birds.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return {"folder": tmp_path, "tower": tower.eval(), "text": text}


def options(files: dict[str, Any], **changed: str) -> dict[str, str]:
    folder = files["folder"]
    return {
        "tower": TOWER,
        "text": str(folder / "birds.npy"),
        "weights": str(folder / "tower.safetensors"),
        "num_classes": None,
        **changed,
    }


def test_the_logits_are_scaled_cosines_of_image_and_text(files: dict[str, Any]) -> None:
    made = load_classifier("clip", **options(files))
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        embedded = files["tower"](images).double().numpy()
        logits = made.module(images).numpy()
    for image, row in zip(embedded, logits, strict=True):
        for text, value in zip(files["text"], row, strict=True):
            cosine = image @ text / np.linalg.norm(image) / np.linalg.norm(text)
            assert value == pytest.approx(100 * cosine, abs=1e-3)
    assert made.class_names == tuple(NAMES)
    assert made.num_classes == 4
    assert made.mean == pytest.approx((0.48145466, 0.4578275, 0.40821073))


def test_other_texts_are_another_network(files: dict[str, Any]) -> None:
    first = load_classifier("clip", **options(files)).weights_id
    save_file({"text": torch.randn(4, 16)}, files["folder"] / "others.safetensors")
    other = load_classifier("clip", **options(files, text=str(files["folder"] / "others.safetensors")))
    assert other.weights_id != first
    assert other.weights_source == "tower.safetensors"
    assert other.class_names == ()


def test_a_class_is_explained_by_its_name(files: dict[str, Any]) -> None:
    made = load_classifier("clip", **options(files))
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    named = np.asarray(wsol.attribute(made, images, "layercam", target="wren"))
    assert named.max() > 0
    assert np.array_equal(named, np.asarray(wsol.attribute(made, images, "layercam", target=2)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "model=clip needs embedded texts as classes: give model.text=FILE"),
        ("a photo of a {}", "is a prompt; embed it with a text encoder for every class"),
        ("none.npy", "can't be read as embeddings .*expected a .npy or .safetensors file"),
        ("flat.npy", r"has shape \(16,\); expected \(C, D\)"),
        ("few.npy", "few.txt has 1 names for 4 embeddings"),
        ("narrow.npy", "16 classes, not 8"),
    ],
)
def test_what_does_not_fit_is_reported_in_one_sentence(
    files: dict[str, Any], text: str | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files["folder"])
    np.save("flat.npy", files["text"][0])
    np.save("few.npy", files["text"])
    np.save("narrow.npy", files["text"][:, :8])
    Path("few.txt").write_text("one\n", encoding="utf-8")
    with pytest.raises(ConfigError if text is None else ModelError, match=sentence):
        load_classifier("clip", **options(files, text=text))  # type: ignore[arg-type]


def test_an_option_that_a_network_does_not_take_is_refused() -> None:
    with pytest.raises((ConfigError, UnknownName), match=r"model\.text"):
        load_classifier("resnet18", weights="random", text="birds.npy")
