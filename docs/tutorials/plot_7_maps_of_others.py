"""
Scoring maps of other tools
===========================

Maps that another library made, or that a paper's authors published, get the same boxes, scores and intervals.

On the command line, for a folder with one ``.npy`` per image and a CSV of boxes:

.. code-block:: sh

    wsol score --maps my/maps --annotations my/boxes.csv --protocol choe2020_v2
    wsol score --maps my/maps --annotations my/boxes.csv --protocol choe2020_v2 --json
"""

# %%
# Somebody's maps
# ---------------
# This function stands for the other tool. It returns what most of them return: one array (h, w) per image, of any
# size and range. No hook and nothing else of wsol is in it.
import matplotlib.pyplot as plt
import numpy as np
import torch

import wsol

network = wsol.load_classifier("shapes_gap")


@torch.no_grad()
def their_map(image: object) -> np.ndarray:
    """The mean of the last activations, at their own resolution, (16, 16)."""
    pixels = network.normalized(image.resize((network.input_size, network.input_size)))
    grid = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    for stage in list(network.module.children())[:5]:
        grid = stage(grid)
    return grid[0].mean(0).numpy()


shapes = wsol.load_dataset("shapes", n=60)
samples = shapes.samples()
maps = [their_map(shapes.image(sample)) for sample in samples]

# %%
# The score
# ---------
# `MaxBoxAcc` is the running metric behind all tables. It takes maps batch by batch with the ground-truth boxes and
# the sizes (width, height) of the stored images, and it needs no torch. ``merge`` joins the parts of several
# processes.
metric = wsol.MaxBoxAcc("choe2020_v2")
for start in range(0, len(samples), 20):
    part = slice(start, start + 20)
    metric.update(maps[part], [s.boxes_xyxy for s in samples[part]], [s.size_wh for s in samples[part]])

scores, intervals = metric.compute(), metric.interval()
for name, value in scores.items():
    print(f"{name:16} {value:6.2f}  [{intervals[name][0]:.2f}, {intervals[name][1]:.2f}]")

# %%
# What goes wrong with maps of others
# -----------------------------------
# - **What the map covers.** A map is stretched over the whole stored image. If the other tool resized to 256 and took
#   a crop of 224, its map covers that crop alone: give ``view="centre"``, or the boxes come out too large and
#   shifted.
# - **The class.** Top-1, Top-5 and GT-known localization all use the map of the ground-truth class. Maps of the
#   predicted class are another experiment.
# - **The order.** Maps and boxes are paired by position here; on the command line by file name.
# - **Maps that are cut or clipped already.** A map that was thresholded or quantized to a few levels has few
#   different boxes.
#
# A wrong pairing is not an error, only a low number. So score beside the maps what must fail: here the same maps given
# to the wrong images, and one map for all images, a Gaussian in the middle.
rows, columns = np.mgrid[-1:1:16j, -1:1:16j]
CASES = {
    "their maps": maps,
    "maps of the next image": [*maps[1:], maps[0]],
    "centered Gaussian": [np.exp(-(rows**2 + columns**2) / 0.5)] * len(maps),
}
names, values, errors = [], [], []
for case, given in CASES.items():
    metric = wsol.MaxBoxAcc("choe2020_v1")
    metric.update(given, [s.boxes_xyxy for s in samples], [s.size_wh for s in samples])
    value, (low, high) = metric.compute()["maxboxacc"], metric.interval()["maxboxacc"]
    names.append(case)
    values.append(value)
    errors.append((value - low, high - value))

figure, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
axis.errorbar(values, range(len(names)), xerr=np.transpose(errors), fmt="o", color="#0072b2", capsize=3)
axis.set_yticks(range(len(names)), names)
axis.set(xlabel="MaxBoxAcc (V1) in percent, with 95 % interval", xlim=(0, 100), ylim=(len(names) - 0.5, -0.5))
plt.show()

# %%
# How to read it
# --------------
# Real maps must be clearly above those of the wrong images. If they are not, look for an error in the pairing or the
# coordinates before you blame the method. The Gaussian in the middle is the floor that a data set gives away. Objects
# tend to be in the middle of photographs, so it is much higher there than here.
