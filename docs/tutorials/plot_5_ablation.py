"""
Ablation: layers, fusion, gamma
===============================

Change one thing at a time in a method, and see what it does to the score.

On the command line an option given as a list makes several rows, and three experiments are there already:

.. code-block:: sh

    wsol run dataset=shapes dataset.limit=100 method=layercam methods.layercam.layers=[each,all]
    wsol table latest --pivot layers
    wsol run experiment=ablate_layers dataset.limit=20
    wsol run experiment=ablate_fusion dataset.limit=20
    wsol run experiment=ablate_gamma dataset.limit=20
"""

# %%
# Which layer
# -----------
# A variant is written ``name@layers[option=value,...]``, here as in every table and command. ``stage3-5`` is a range
# of stages whose maps are fused. All variants that need only activations and gradients share one forward and one
# backward pass, so that thirteen of them cost little more than one.
#
# Grad-CAM weights channels by their mean gradient, which says little at shallow stages; LayerCAM weights each
# location by its own. A pivot puts the values of one field into columns.
import matplotlib.pyplot as plt

import wsol

single = [f"{method}@stage{stage}" for method in ("gradcam", "layercam") for stage in range(1, 6)]
fused = ["layercam@stage4-5", "layercam@stage3-5", "layercam@stage1-5"]
by_layer = wsol.evaluate("shapes_gap", "shapes", [*single, *fused], ["choe2020_v1"], limit=60)
by_layer.table(pivot=("method",))

# %%
# Fusion and gamma
# ----------------
# ``fuse`` says how the maps of several stages become one. ``gamma`` scales the maps of shallow stages by tanh(gamma M
# / max M) before that, which lifts their faint parts. Both are options of the fusion, so they exist for every method
# of layers.
rules = [f"layercam@stage1-5[fuse={rule}]" for rule in ("max", "mean", "product")]
gammas = [f"layercam@stage1-5[gamma={gamma}]" for gamma in (2, 8)]
protocols = ["choe2020_v1", "choe2020_v2"]
by_fusion = wsol.evaluate("shapes_gap", "shapes", [*rules, *gammas, "inputedge"], protocols, limit=60)
by_fusion.table()

# %%
# Maps behind the numbers
# -----------------------
shapes, network = wsol.load_dataset("shapes", n=60), wsol.load_classifier("shapes_gap")
sample = shapes.samples()[55]
image = shapes.image(sample)
shown = [f"layercam@stage{stage}" for stage in range(1, 6)]
shown += ["layercam@stage4-5", *rules, gammas[-1]]
figure, axes = plt.subplots(2, 5, figsize=(12, 4.4), layout="constrained")
for axis, name in zip(axes.flat, shown, strict=True):
    maps = wsol.attribute(network, image, name, target=sample.label)
    axis.imshow(wsol.overlay(image, maps[0], gt_boxes=sample.boxes_xyxy))
    axis.set_title(name.removeprefix("layercam@"), fontsize=9)
    axis.axis("off")
plt.show()

# %%
# How to read them
# ----------------
# Three things go wrong easily.
#
# - **Ties are not a ranking.** Rows with the same rank are not significantly different on these 60 images. Write "no
#   difference was found", not "better by 1.0".
# - **The best of many is biased.** When twenty variants are tried, the highest number is partly luck. Choose on the
#   val split (``wsol.load_dataset("shapes", split="val")``), then report the chosen variant on test.
# - **Look at the Boxes column.** Maps of shallow stages, and those with a large gamma, fall into many pieces. Under
#   V2 each piece is a box, and one good box is enough: a score can be higher although the map is worse. V1 takes the
#   largest component alone. A difference that only V2 shows comes from the number of boxes, and the edge filter,
#   which knows nothing of the network, is how far that goes.
#
# A plot of an ablation has the number with its interval over the values of one option.
by_fusion.plot("ablation-layercam-gamma")
plt.show()
