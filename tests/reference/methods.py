"""The naive twin of every method, by registry key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.reference import methods_masked as masked
from tests.reference import methods_network as network
from tests.reference import methods_one_look as one_look

Twin = Callable[..., Any]

ONE_LOOK = (
    "cam gradcam gradcam_pp xgradcam hirescam elementwise layercam lafam randomcam centergauss centerbox fullbox "
    "eigencam eigengradcam segeigencam kpcacam fem normgrad refinecam zoomcam inputedge"
)
MASKED = "scorecam ablationcam reciprocam groupcam sscam iscam rise occlusion polycam clustermerge shapcam"
NETWORK = (
    "vanillagrad deconvnet guidedbackprop guidedgradcam inputxgrad smoothgrad smoothgradcam_pp integratedgradients "
    "fullgrad simple_fullgrad liftcam finercam shapleycam opticam cameras tta"
)

TWINS: dict[str, Twin] = {
    **{key: getattr(one_look, key) for key in ONE_LOOK.split()},
    **{key: getattr(masked, key) for key in MASKED.split()},
    **{key: getattr(network, key) for key in NETWORK.split()},
}

JOINT = frozenset({"refinecam", "zoomcam", "polycam"})  # these take the list of all layers' cases, shallow to deep
