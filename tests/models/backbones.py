"""Fill a network's backbone by its `backbone_keys`, each layer and parameter of which must have a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def fill_backbone(network: Any, state: Mapping[str, Tensor]) -> list[str]:
    """The names of the network's own parameters and statistics that got the other network's."""
    own, chosen = network.state_dict(), {}
    for prefix, theirs in network.backbone_keys().items():
        found = [key for key in own if key == prefix or key.startswith(f"{prefix}.")]
        assert found, f"{prefix} is not in the network"
        chosen |= {key: state[theirs + key.removeprefix(prefix)] for key in found}
    network.load_state_dict(chosen, strict=False)  # raises where a shape differs
    return list(chosen)
