"""CLIP: a timm tower with embedded texts as classes, from local files."""

from __future__ import annotations

import sys
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
        (None, r"model=clip needs texts as classes: give 'model.text=a photo of a \{\}' with model.classes=FILE"),
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


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small CLIP of open_clip's own with random weights, in the two forms of files that it and OpenAI write."""
    open_clip = pytest.importorskip("open_clip")
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    vision = {"image_size": 224, "layers": 10, "width": 256, "head_width": 64, "patch_size": 16}
    words = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}
    net = open_clip.CLIP(16, vision, words).eval()
    net.logit_scale.data.fill_(2.0)
    state = net.state_dict()
    torch.save(state, folder / "openai.pt")
    later = {k if k.startswith(("visual.", "logit_")) else f"text.{k}": v for k, v in state.items()}
    save_file({k: v.contiguous() for k, v in later.items()}, folder / "later.safetensors")
    save_file({k: v.contiguous() for k, v in state.items() if k.startswith("visual.")}, folder / "image.safetensors")
    (folder / "birds.txt").write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return {"folder": folder, "net": net, "tokens": open_clip.tokenize([f"a photo of a {name}" for name in NAMES])}


@pytest.mark.parametrize("file", ["openai.pt", pytest.param("later.safetensors", marks=pytest.mark.full)])
def test_prompts_are_classes_as_open_clip_itself_has_them(both: dict[str, Any], file: str) -> None:
    made = load_classifier(
        "clip", text="a photo of a {}", classes=NAMES, tower=TOWER, weights=str(both["folder"] / file)
    )
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        seen, read = both["net"].encode_image(images), both["net"].encode_text(both["tokens"])
        logits = made.module(images)
    expected = torch.nn.functional.cosine_similarity(seen[:, None], read[None], dim=2) * torch.tensor(2.0).exp()
    assert expected.std() > 0.1
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    assert made.class_names == tuple(NAMES)
    assert made.weights_source == file


@pytest.mark.full
def test_embedded_texts_take_the_image_tower_of_such_a_file(both: dict[str, Any]) -> None:
    with torch.no_grad():
        np.save(both["folder"] / "texts.npy", both["net"].encode_text(both["tokens"]).numpy())
    file = str(both["folder"] / "openai.pt")
    embedded = load_classifier("clip", text=str(both["folder"] / "texts.npy"), tower=TOWER, weights=file)
    prompted = load_classifier("clip", text="a photo of a {}", classes=NAMES, tower=TOWER, weights=file)
    torch.testing.assert_close(embedded.module.head.text, prompted.module.head.text, rtol=1e-4, atol=1e-5)


def test_the_command_line_takes_a_prompt_and_a_file_of_names(both: dict[str, Any]) -> None:
    from wsol.evaluation.build import load_model
    from wsol.settings import words
    from wsol.settings.words import Word

    node = {
        "name": "clip",
        "text": "a photo of a {}",
        "classes": str(both["folder"] / "birds.txt"),
        "tower": TOWER,
        "weights": str(both["folder"] / "openai.pt"),
    }
    assert load_model(node).class_names == tuple(NAMES)
    assert (
        words.readable(Word.of("model.text=a photo of a {}, a bird"), multirun=False).value
        == "'a photo of a {}, a bird'"
    )
    with pytest.raises(ConfigError, match=r"a prompt needs the names of the classes: give model.classes=FILE"):
        load_model({**node, "classes": None})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"weights": "image.safetensors"},
            r"a prompt needs CLIP's text tower, and weights=.* has none; give open_clip's",
        ),
        ({"weights": None}, "a prompt needs CLIP's text tower, and weights=None has none"),
        ({"weights": "none.pt"}, "there is no weights file"),
        ({"tower": "vit_medium_patch32_clip_224"}, "don't fit vit_medium_patch32_clip_224"),
    ],
)
def test_what_a_prompt_lacks_is_reported_in_one_sentence(
    both: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    given = {"tower": TOWER, "weights": "openai.pt", **changed}
    if given["weights"]:
        given["weights"] = str(both["folder"] / given["weights"])
    with pytest.raises(ModelError, match=sentence):
        load_classifier("clip", text="a photo of a {}", classes=NAMES, **given)


def test_prompts_without_open_clip_say_what_to_install(both: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ModelError, match=r"prompts need open_clip's text encoder, .*pip install 'wsol\[clip\]'"):
        load_classifier("clip", text="a {}", classes=NAMES, tower=TOWER, weights=str(both["folder"] / "openai.pt"))
