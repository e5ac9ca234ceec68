"""What a reader of the documents has beside them, and their commands made short."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

SMALL = ["table=false", "metric=[]", "gallery=2"]


def write_desk(desk: Path) -> None:
    """What the README's reader has: photos with boxes, weights, maps, and lists in wsolevaluation's format."""
    import torch
    from torchvision.models import mobilenet_v2

    rng = np.random.default_rng(0)
    images, metadata, maps = desk / "my/images", desk / "data/metadata/ILSVRC/test", desk / "my/maps"
    for folder in (images, metadata, maps, desk / "data/ILSVRC"):
        folder.mkdir(parents=True)
    names = [f"{n}.jpg" for n in range(3)]
    for name in names:
        picture = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        picture.save(images / name)
        np.save(maps / f"{name}.npy", rng.random((7, 7)))
    shutil.copy(images / names[0], desk / "photo.jpg")
    shutil.copytree(images, desk / "data/ILSVRC", dirs_exist_ok=True)
    lines = "\n".join(f"{n},{i % 5},10,10,60,50,80,60" for i, n in enumerate(names))
    (desk / "my/boxes.csv").write_text(f"image_id,label,x0,y0,x1,y1,width,height\n{lines}\n")
    (metadata / "image_ids.txt").write_text("\n".join(names))
    (metadata / "class_labels.txt").write_text("\n".join(f"{n},{i}" for i, n in enumerate(names)))
    (metadata / "image_sizes.txt").write_text("\n".join(f"{n},80,60" for n in names))
    (metadata / "localization.txt").write_text("\n".join(f"{n},10,10,60,50" for n in names))
    torch.manual_seed(0)
    torch.save(mobilenet_v2(num_classes=5).state_dict(), desk / "mine.pth")


def shortened(words: list[str]) -> list[str]:
    """The same command on fewer images, and random weights where the README downloads some."""
    if words[0] == "run":
        words = [*words, *SMALL]
        if not any(w.startswith("dataset=") for w in words) or "dataset=shapes" in words:
            words.append("dataset.n=4")
    if "model=resnet50" in words:
        words += ["model.weights=random", "model.input_size=64"]
    return words
