"""Weights that were trained in Caffe: they expect blue, green and red of 0 to 255, less a mean, not divided."""

from __future__ import annotations

from dataclasses import replace

import torch

from wsol.errors import ModelError
from wsol.models.classifier import Classifier, Color, weights_id

BGR_MEAN = (104.007, 116.669, 122.679)  # of ImageNet's training set, 0..255; layercam_loc, VGG's authors: 103.939 ...
MEAN: Color = (BGR_MEAN[2] / 255, BGR_MEAN[1] / 255, BGR_MEAN[0] / 255)
STD: Color = (1 / 255, 1 / 255, 1 / 255)


def from_caffe(classifier: Classifier) -> Classifier:
    """A network with Caffe's weights as one that takes what every other takes: red, green and blue.

    The channels of its first convolution change places, which gives the logits that the turned image would give, and
    keeps images, gradients and what is black in one order for all methods and metrics. The mean is subtracted from
    pixels of 0..255, and nothing is divided: in [0, 1] that is a deviation of 1/255.

    Raises
    ------
    ModelError : a network that does not begin with a convolution of three channels.
    """
    first = next((part for part in classifier.module.modules() if isinstance(part, torch.nn.Conv2d)), None)
    if first is None or first.in_channels != 3:
        raise ModelError(
            f"model.input=caffe: {classifier.name} does not begin with a convolution of three channels; leave it out"
        )
    with torch.no_grad():
        first.weight.copy_(first.weight.flip(1))
    identity = weights_id(f"{classifier.weights_source}, caffe", classifier.module)
    return replace(classifier, mean=MEAN, std=STD, weights_id=identity)
