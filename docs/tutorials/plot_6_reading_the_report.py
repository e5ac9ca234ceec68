"""
Reading the report
==================

A table says how often a method is right. The report of a run says where it is wrong: curves, histograms, and the images
themselves under two methods side by side.

On the command line:

.. code-block:: sh

    wsol run dataset=shapes dataset.limit=60 method=[cam,layercam,centergauss,inputedge] metric=[rise2018_dataset]
    wsol report latest -o report.html
    wsol report latest --figures pdf -o figures/
"""

# %%
# A run and its page
# ------------------
# The page is one HTML file without a link to anywhere: it can be mailed, and it opens without a server. Here it goes
# to a temporary folder.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import wsol

METHODS = ["cam", "layercam", "centergauss", "inputedge"]
metrics = {"rise2018_dataset": {"sample": 8}}
result = wsol.evaluate("shapes_gap", "shapes", METHODS, ["choe2020_v1", "choe2020_v2"], metrics, limit=60)
page = result.report(Path(tempfile.mkdtemp()) / "report.html")
print(f"{page.name}: {page.stat().st_size / 1e6:.1f} MB")

# %%
# From top to bottom it has the table, the plots, and a gallery. In the gallery, choose two variants and order the
# images by how far apart their IoU is: the first ones show what distinguishes the two. A click on an image shows it
# under every variant, with a slider for the threshold. The last part has everything that is needed to run it again.
#
# The same plots are figures for a paper; the rest of this page reads them one by one.

# %%
# How good are the boxes that are counted?
# ----------------------------------------
# MaxBoxAcc counts an IoU of 0.51 and one of 0.95 alike. The histogram shows which it is: each variant at its best
# threshold, and dotted lines where an IoU becomes a hit. A heap just left of a line means that a small change of the
# box would move the score much.
result.plot("iou-choe2020_v1")
plt.show()

# %%
# Under V2 the IoU is that of the best among all boxes of a map, so compare this histogram with the first only
# together with the Boxes column. The edge filter moves far to the right: with hundreds of boxes, one usually fits.
result.plot("iou-choe2020_v2")
plt.show()

# %%
# Does the map matter to the network?
# -----------------------------------
# *Deletion* removes the pixels that the map calls important first, and watches the class probability fall: lower is
# better. *Insertion* adds them to an empty image: higher is better. Both ask about the network, not about the object.
# A map that covers only the sign is excellent here and bad in the table above, and that is no contradiction. The
# bands are 95 % intervals of the mean over 8 images, so they are wide.
result.plot("deletion")
plt.show()

# %%
# Seen with your own eyes
# -----------------------
# The first images of the gallery: the ground truth dashed, the box at each variant's best threshold solid. Look for a
# kind of mistake rather than for a pretty map. Here CAM's box is now and then the whole image, for its map is high in
# places far from the sign; the edge filter follows whatever has contrast, distractors as well.
result.plot("maps")
plt.show()

# %%
# Which images?
# -------------
# The rows are a pandas frame, one row per image and variant, so a question beyond the report takes a few lines. Does
# the network's confidence say how good the box is? Below is the share of hits for the less and the more confident
# half of the images. With 30 images in each half, a difference under 20 points is within chance.
rows = result.rows()
rows["half"] = (rows["probability"] > rows["probability"].median()).map(
    {False: "less confident", True: "more confident"}
)
share = 100 * rows.pivot_table(index="variant", columns="half", values="choe2020_v1/hit", aggfunc="mean")
share.round(0)
