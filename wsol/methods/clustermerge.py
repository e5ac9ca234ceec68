"""Clusters of channel maps, merged by confidence."""

from typing import Literal

import torch
from torch import Tensor

from wsol.methods import LayerFeatures, method
from wsol.methods._common.kmeans import kmeans
from wsol.methods._common.masks import behind, image_masks, input_scores, live_channels
from wsol.methods._common.stretch import minmax
from wsol.options import Count, option

Confidence = Literal["masked_prob", "masked_logit", "head_weight", "gradient"]


@method(
    "clustermerge",
    paper="k-means of channel maps merged by class confidence: our exact reading of a vague text",
    year=2021,
    needs=("activations", "model"),
    cost="1F + k F",
    costly=True,
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
    """

    k: Count = option(10, help="number of clusters")
    confidence: Confidence = option(
        "masked_prob",
        help="of a cluster: score behind its mask (one forward each), mean class weight (none), mean "
        "gradient (1F + 1B)",
    )
    merge: Literal["weighted_sum", "top_m", "max"] = option(
        "weighted_sum", help="weighted sum of all sub-maps, of the `m` most confident, or their maximum"
    )
    m: Count = option(3, help="sub-maps that merge=top_m keeps")

    def __call__(self, layer: LayerFeatures) -> Tensor:
        clusters = self._clusters(layer)
        raw = torch.zeros_like(layer.activations[:, 0])
        if clusters:
            image = torch.tensor([i for i, _ in clusters], device=raw.device)
            means = torch.stack([mean_of(layer.activations[i, channels]) for i, channels in clusters])
            confidence = self._confidence(layer, clusters, image, means).relu().to(raw.dtype)
            for i in dict.fromkeys(image.tolist()):
                raw[i] = self._merged(minmax(means[image == i]), confidence[image == i])
        return raw

    def _clusters(self, layer: LayerFeatures) -> list[tuple[int, Tensor]]:
        """Image and channels of each cluster, image by image."""
        clusters: list[tuple[int, Tensor]] = []
        live = live_channels(layer.activations)
        for image, generator in enumerate(layer.generators("clustermerge")):
            channels = live[image].nonzero()[:, 0]
            if len(channels):
                labels = cluster(layer.activations[image, channels], self.k, generator).to(channels.device)
                clusters += [(image, channels[labels == label]) for label in sorted(set(labels.tolist()))]
        return clusters

    def _confidence(
        self, layer: LayerFeatures, clusters: list[tuple[int, Tensor]], image: Tensor, means: Tensor
    ) -> Tensor:
        """(n,) confidence of each cluster."""
        if self.confidence == "head_weight":
            weights = layer.class_weights
            return torch.stack([weights[i, channels].mean() for i, channels in clusters])
        if self.confidence == "gradient":
            result = layer.once(
                "gradients", lambda: layer.query.forward_backward(layer.images, layer.targets, [layer.name])
            )
            weights = result.gradients[layer.name].mean((2, 3))
            return torch.stack([weights[i, channels].mean() for i, channels in clusters])

        def inputs(part: slice) -> Tensor:
            return behind(layer.images[image[part]], image_masks(means[part], layer.input_size, "norm_after_up"))

        logits, probabilities = input_scores(layer, image, inputs)
        return probabilities if self.confidence == "masked_prob" else logits

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
