"""Closed forms behind a head that is linear in the activations: no extra pass is needed there."""

from torch import Tensor

from wsol.methods._features import LayerFeatures


def contributions(layer: LayerFeatures) -> Tensor | None:
    """(B, K) W[c, k] mean(A_k), each channel's part of the target logit; None where the head is not linear in A."""
    head = layer.head
    return layer.class_weights * layer.activations.mean((2, 3)) if head is not None and head.linear else None


def before_pooling(layer: LayerFeatures) -> Tensor:
    """(B, K, H, W) what the head averages: the activations, or their ReLU where the network has one (DenseNet)."""
    head = layer.head
    return layer.activations.relu() if head is not None and head.kind == "relu_linear" else layer.activations
