"""
Your own method
===============

Write a class activation map in one class, check that it keeps the contract, and see it beside the others.

On the command line the class stands in a file of its own:

.. code-block:: sh

    wsol new method my_cam
    wsol doctor method=[my_cam] --with my_cam.py
    wsol run dataset=shapes dataset.limit=100 --with my_cam.py method=[my_cam,gradcam,layercam,centergauss]
"""

# %%
# One class
# ---------
# A method is a function of what one layer showed: activations (B, K, H, W), the gradients of the class score with
# respect to them, logits and targets. It returns a raw map (B, H, W), without resizing, normalization or threshold;
# these belong to the protocol, so that all methods get the same ones. Hooks and batches are taken care of.
#
# This one is Grad-CAM with an exponent on the positive part of its channel weights: above 1, few channels decide;
# with 0, all channels of positive weight count alike.
import matplotlib.pyplot as plt
import torch

import wsol
from wsol.options import option


@wsol.method("powercam", paper="this tutorial", year=2026, needs=("activations", "gradients"))
class PowerCAM:
    """PowerCAM: each channel weighted by a power of its mean positive gradient.

    M = sum_k ReLU(mean g_k)^power A_k

    Identities: power=1 is Grad-CAM without the channels of negative weight.
    Traps: power=0 ignores how strong a channel's gradient is.
    """

    power: float = option(1.0, help="exponent of the weights, 0 or more")

    def __call__(self, layer: wsol.LayerFeatures) -> torch.Tensor:
        mean = layer.gradients.mean((2, 3), keepdim=True)
        weights = torch.where(mean > 0, mean.relu() ** self.power, 0)
        return (weights * layer.activations).sum(1)


# %%
# First look
# ----------
# The class works at once, here and in every table. A map that is zero everywhere, or that points at the wrong object,
# is seen now rather than after an hour of evaluation.
shapes = wsol.load_dataset("shapes", n=60)
sample = shapes.samples()[41]
image, network = shapes.image(sample), wsol.load_classifier("shapes_gap")
VARIANTS = {
    "Grad-CAM": "gradcam",
    "power 0": PowerCAM(power=0),
    "power 1": PowerCAM(),
    "power 4": PowerCAM(power=4),
}
figure, axes = plt.subplots(1, len(VARIANTS), figsize=(10, 2.6), layout="constrained")
for axis, (title, variant) in zip(axes, VARIANTS.items(), strict=True):
    maps = wsol.attribute(network, image, variant, target=sample.label)
    box = wsol.localize(maps, protocol="choe2020_v1", boxes=[sample.boxes_xyxy], tau=0.15)[0]
    axis.imshow(wsol.overlay(image, maps[0], boxes=box.boxes(), gt_boxes=sample.boxes_xyxy))
    axis.set_title(f"{title}: IoU {box.iou:.2f}", fontsize=9)
    axis.axis("off")
plt.show()

# %%
# The table
# ---------
# Your method stands among published ones and controls, with the same protocol, images and passes. Instances with
# options are variants of their own.
result = wsol.evaluate(
    network,
    "shapes",
    [PowerCAM(power=0), PowerCAM(), PowerCAM(power=4), "gradcam", "lafam", "centergauss", "randomcam"],
    ["choe2020_v1"],
    limit=100,
)
result.table()

# %%
# How to read it
# --------------
# - `randomcam` draws the channel weights at random. What a method has over it comes from its weights.
# - `lafam` is the plain mean of the channels, without any class. Where it is not beaten, weighting by class has not
#   helped to find the box.
# - Do not choose the option on the images that you report: the best of several variants looks better than it is.
#   Choose on the val split (``wsol.load_dataset("shapes", split="val")``) and report on test.
#
# The comparison below is on the same images. Its first row has the difference with a 95 % interval: where that holds
# 0, these images do not show that your method is better.
result.compare("powercam@stage5[power=0]", "gradcam")

# %%
# What is left to do before publishing: other networks and data sets, for the order of methods depends on both; and
# ``wsol doctor``, which tries the contract: a batch gives the same maps as one image after the other, twice gives the
# same, inputs and network stay as they were.
