"""
Your own network
================

Use any ``torch.nn.Module`` as it is: name its layers, tell its normalization, and explain outputs that are not logits.

On the command line a network is a function in a file, registered with ``@wsol.model``. This is ``my_net.py``:

.. code-block:: python

    from torch import nn

    import wsol

    @wsol.model("my_net", input_size=128, mean=(0.44, 0.44, 0.41), std=(0.20, 0.19, 0.19))
    def my_net(num_classes: int = 10) -> nn.Module:
        body = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()]
        return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, num_classes))

Its weights are given as ``model.weights=mine.pth``; without, they are what the function returns.

.. code-block:: sh

    wsol list layers model=my_net --with my_net.py
    wsol run dataset=shapes dataset.limit=60 --with my_net.py model=my_net method=[gradcam,layercam]
"""

# %%
# A network
# ---------
# This one stands for yours: trained, on inputs of 128 x 128 pixels with a normalization of its own, and its forward
# returns a dictionary. (Its weights are those of the embedded `shapes_vgg`, so that the page runs offline.)
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import nn

import wsol

embedded = wsol.load_classifier("shapes_vgg")


class MyNet(nn.Module):
    """A convolutional body and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = embedded.module.features
        self.head = nn.Sequential(embedded.module.avgpool, nn.Flatten(), embedded.module.classifier)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        grid = self.features(images)
        return {"logits": self.head(grid), "grid": grid}


net = MyNet()

# %%
# Maps of one layer or several
# ----------------------------
# `wsol.attribute` takes the module, images and a target. Because the output is a dictionary, the target is a function
# of the output: it says which number is explained. Layers are modules or their dotted names; several are fused.
# ``stage1`` to ``stage5`` and ``last`` work for any network: a stage ends where the resolution changes.
#
# Hooks, modes and parameters of the network are afterwards as they were before.
shapes = wsol.load_dataset("shapes", n=60)
samples = [shapes.samples()[n] for n in (20, 41, 55)]
images = [shapes.image(sample) for sample in samples]
labels = torch.tensor([sample.label for sample in samples])


def class_score(output: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """The logit of each image's class, (B,)."""
    return output["logits"].gather(1, labels[:, None])[:, 0]


inputs: dict[str, Any] = {"input_size": 128, "mean": embedded.mean, "std": embedded.std}
LAYERS = {
    "features.7 (32 x 32)": net.features[7],
    "features.12 (16 x 16)": "features.12",
    "last (8 x 8)": "last",
    "all three, fused": ["features.7", "features.12", "features.17"],
}
figure, axes = plt.subplots(len(images), len(LAYERS), figsize=(10, 6.6), layout="constrained")
for column, (title, layers) in enumerate(LAYERS.items()):
    maps = wsol.attribute(net, images, "layercam", layers=layers, target=class_score, **inputs)
    for row, (image, sample, raw) in enumerate(zip(images, samples, maps, strict=True)):
        axes[row, column].imshow(wsol.overlay(image, raw, gt_boxes=sample.boxes_xyxy))
        axes[row, column].axis("off")
    axes[0, column].set_title(title, fontsize=9)
plt.show()

# %%
# Shallow layers give finer maps with more noise; deep ones are coarse and know the class. Which of them gives the
# better box is not seen on three images: it is measured, as in the :doc:`ablation <plot_5_ablation>`.

# %%
# Scores, and the mistake that is made most
# -----------------------------------------
# `wsol.evaluate` needs logits (B, classes), so a network with another output is wrapped in a few lines.


class Logits(nn.Module):
    """MyNet with its logits alone."""

    def __init__(self) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net(images)["logits"]


METHODS = ["gradcam", "layercam", "centergauss"]
right = wsol.evaluate(Logits(), shapes, METHODS, ["choe2020_v1"], **inputs)
right.table()

# %%
# Now the same network without a word on its input. It gets what most networks want: 224 x 224 pixels, with ImageNet's
# mean and deviation. Nothing fails, because it is fully convolutional; it only sees other images than in training.
wrong = wsol.evaluate(Logits(), shapes, METHODS, ["choe2020_v1"])
wrong.table()

# %%
# How to read them
# ----------------
# The second table looks like any other, and its order of methods is another one. What gives it away is *Top-1 Cls*,
# in the lines under the table: the share of images that the network classifies right. For your network it should be
# the accuracy that you know from training. Check it before you read anything else.
for name, result in (("its own input", right), ("the usual input", wrong)):
    rows = result.rows().drop_duplicates("image_id")
    print(f"{name}: {100 * (rows['predicted'] == rows['label']).mean():.1f} % of {len(rows)} images classified right")
