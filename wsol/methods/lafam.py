"""LaFAM."""

from torch import Tensor

from wsol.methods import LayerFeatures, method


@method(
    "lafam",
    paper="Karjauv & Albayrak, LaFAM: Unsupervised Feature Attribution with Label-free Activation Maps, 2024",
    year=2024,
    needs=("activations",),
    cost="1F",
)
class LaFAM:
    """LaFAM: the mean activation map, the same for every class.

    M = mean_k A_k

    Identities: cluster-based merging with one cluster gives this map, up to min-max.
    Traps: it knows no class; a method that does not beat it has learned nothing from the class.
    """

    def __call__(self, layer: LayerFeatures) -> Tensor:
        return layer.activations.mean(1)
