"""Clusters of channel maps, merged by confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from wsol.methods._base import LayerFeatures, method
from wsol.methods._common.kmeans import kmeans
from wsol.methods._common.masks import behind, image_masks, input_scores, live_channels, minmax
from wsol.methods.cam import head_of
from wsol.options import Count

if TYPE_CHECKING:
    from torch import Tensor

Confidence = Literal["masked_prob", "masked_logit", "head_weight", "gradient"]


@method(
    "clustermerge",
    paper="k-means of channel maps merged by class confidence: our exact reading of a vague text",
    year=2021,
    needs=("activations", "model"),
    cost="1F + k F",
    stochastic=True,
)
class ClusterMerge:
    """Cluster merge: k-means of the channel maps into k sub-maps, each scored by the model, merged by that confidence.

    a_k = A_k / ||A_k||, live channels only;  clusters C_1..C_k of {a_k};  s_j = min-max(mean of A_k over C_j)
    c_j = p(x * U(s_j));  M = sum_j ReLU(c_j) s_j

    Identities: with as many clusters as live channels it is Score-CAM's raw weights on min-max maps; with one cluster
    it is LaFAM after min-max (over live channels, where the confidence is positive); the channels' order does not
    matter.
    Traps: fewer than k clusters come out where there are fewer different channel maps.

    Options: confidence = masked_prob, masked_logit (one forward a cluster), head_weight (mean class weight of the
    cluster, no forward), gradient (mean gradient of the cluster, 1F + 1B); merge = weighted_sum, top_m (the `m` most
    confident), max.
    """

    k: Count = 10
    confidence: Confidence = "masked_prob"
    merge: Literal["weighted_sum", "top_m", "max"] = "weighted_sum"
    m: Count = 3

    def __call__(self, layer: LayerFeatures) -> Tensor:
        batch, _, height, width = layer.activations.shape
        live = live_channels(layer.activations)
        groups = self._groups(layer, live)
        means = {
            image: torch.stack([mean_of(layer.activations[image, group]) for group in some])
            for image, some in groups.items()
        }
        raw = torch.zeros(batch, height, width, dtype=layer.activations.dtype, device=layer.activations.device)
        for image, confidence in self._confidences(layer, groups, means).items():
            raw[image] = self._merged(minmax(means[image]), confidence.relu().to(raw.dtype))
        return raw

    def _groups(self, layer: LayerFeatures, live: Tensor) -> dict[int, list[Tensor]]:
        """By image with a live channel, the channels of each cluster."""
        groups: dict[int, list[Tensor]] = {}
        for image, generator in enumerate(layer.generators("clustermerge")):
            channels = live[image].nonzero()[:, 0]
            if len(channels):
                labels = cluster(layer.activations[image, channels], self.k, generator).to(channels.device)
                groups[image] = [channels[labels == j] for j in sorted(set(labels.tolist()))]
        return groups

    def _confidences(
        self, layer: LayerFeatures, groups: dict[int, list[Tensor]], means: dict[int, Tensor]
    ) -> dict[int, Tensor]:
        """By image, the confidence of each cluster."""
        weights = self._channel_weights(layer)
        if weights is not None:
            return {i: torch.stack([weights[i, group].mean() for group in some]) for i, some in groups.items()}
        if not means:
            return {}
        size = (layer.images.shape[-2], layer.images.shape[-1])
        counts = [len(some) for some in means.values()]
        every = torch.cat([*means.values()])
        image = torch.tensor([*means], device=every.device).repeat_interleave(torch.tensor(counts, device=every.device))

        def inputs(part: slice) -> Tensor:
            return behind(layer.images[image[part]], image_masks(every[part], size, "norm_after_up"))

        logits, probabilities = input_scores(layer, image, inputs)
        scores = probabilities if self.confidence == "masked_prob" else logits
        return dict(zip(means, torch.split(scores, counts), strict=True))

    def _channel_weights(self, layer: LayerFeatures) -> Tensor | None:
        """(B, K) for the confidences that need no masks."""
        if self.confidence == "head_weight":
            head = head_of(layer, "clustermerge with confidence=head_weight")
            weights: Tensor = head.weight.to(layer.activations)[layer.targets]
            return weights
        if self.confidence == "gradient":
            result = layer.once(
                "gradients", lambda: layer.query.forward_backward(layer.images, layer.targets, [layer.name])
            )
            return result.gradients[layer.name].mean((2, 3))
        return None

    def _merged(self, maps: Tensor, confidence: Tensor) -> Tensor:
        if self.merge == "top_m":
            kept = confidence.argsort(descending=True, stable=True)[: self.m]
            maps, confidence = maps[kept], confidence[kept]
        weighted = confidence[:, None, None] * maps
        return weighted.amax(0) if self.merge == "max" else weighted.sum(0)


def cluster(maps: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """(m, H, W) maps to (m,) labels by shape: as unit vectors a strong map and a weak one can share a cluster."""
    flat = maps.flatten(1).double().cpu()
    return kmeans(flat / flat.norm(dim=1, keepdim=True), min(clusters, len(flat)), generator)


def mean_of(maps: Tensor) -> Tensor:
    """Mean of (m, H, W) maps, added up smallest first: the same sum for any order of the channels."""
    return maps.sort(0).values.mean(0)
