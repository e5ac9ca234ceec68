"""
First table
===========

Evaluate some methods on one network, and read the table that comes out.

On the command line the same is

.. code-block:: sh

    wsol run dataset=shapes dataset.limit=100 model=shapes_gap method=[cam,gradcam,layercam,centergauss,inputedge]
    wsol table latest
"""

# %%
# Run
# ---
# A *method* makes a map from a network and an image. A *protocol* is everything between that map and a score: how it
# is resized, which thresholds are tried, which boxes count, what IoU is a hit. Here are three methods and two
# controls under the two protocols of Choe et al. (CVPR 2020): MaxBoxAcc (V1) and MaxBoxAccV2 (V2).
#
# The network `shapes_gap` is small and trained on drawn images, `shapes`, whose class is a sign on a larger body. The
# box is that of the body. A map that finds only the sign, because the sign decides the class, gets a bad box.
import matplotlib.pyplot as plt

import wsol

METHODS = ["cam", "gradcam", "layercam", "centergauss", "inputedge"]
result = wsol.evaluate("shapes_gap", "shapes", METHODS, ["choe2020_v1", "choe2020_v2"], limit=100)
result.table()

# %%
# How to read it
# --------------
# - **MaxBoxAcc V1** is the share of images, in percent, whose box has an IoU of at least 0.5 with a ground-truth box,
#   at the one threshold that is best for that method. *Top-1 Loc* asks that the network's class is right as well.
# - **Brackets** hold the 95 % interval. It is wide: 100 images are few. Two methods whose intervals overlap may still
#   differ significantly, for they are compared on the same images; the marks say so (bold is significantly better
#   than all others, ¹ is not significantly worse than the best). Equal **ranks** mean: not significantly different.
# - **Controls** stand below the methods and know nothing of the network: `centergauss` is a Gaussian in the middle of
#   every image, `inputedge` an edge filter. A method that is not better than these has shown nothing.
# - **Boxes V2** is how many boxes a map has per image. MaxBoxAccV2 calls an image a hit when *any* of them fits.
#   Edges make hundreds of boxes, so the edge filter leads under V2. Read no V2 number without this column.
# - **F+B** are forward and backward passes per image, the cost that does not depend on the machine.
#
# "Threshold: best on these images" is the field's convention and slightly optimistic; :doc:`choosing tau
# <plot_8_choose_tau>` is about that.

# %%
# Two variants on the same images
# -------------------------------
# A comparison uses that both were scored on the same images: the interval is of the difference. Where it holds 0, the
# table does not show which of the two is better.
result.compare("layercam", "gradcam")

# %%
# The curve behind the number
# ---------------------------
# MaxBoxAcc is the maximum of a curve: the share of hits over the threshold tau. The dot is the maximum with its
# interval. A method with a high but narrow peak needs the right threshold; one with a broad peak does not. Each map
# of the V1 protocol has one box, that of its largest component.
result.plot("tau")
plt.show()
