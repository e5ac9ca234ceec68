"""
Your own images
===============

Score methods on images of your own: from a folder with a CSV of boxes, or from Python objects.

On the command line, with a network whose weights are in a file,

.. code-block:: sh

    DATA="dataset=folder dataset.images=my/images dataset.annotations=my/boxes.csv"
    wsol run $DATA model=mobilenet_v2 model.weights=mine.pth method=[gradcam,layercam,centergauss]
    wsol explain my/images/0.png model=mobilenet_v2 model.weights=mine.pth method=[gradcam,layercam] -o heat/
"""

# %%
# Images and boxes
# ----------------
# This page must run offline, so it draws its images; think of photographs. A box is ``x0 y0 x1 y1`` in pixels of the
# stored image, with the right and lower edge outside (as a slice has it): a box around the whole of a 160 x 128 image
# is ``0 0 160 128``.
import csv
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

import wsol

drawn = wsol.load_dataset("shapes", n=40)
folder = Path(tempfile.mkdtemp())
lines = []
for sample in drawn.samples():
    name = sample.image_id.replace("/", "-") + ".png"
    drawn.image(sample).save(folder / name)
    lines += [(name, drawn.class_names[sample.label], *map(int, box)) for box in sample.boxes_xyxy]

with (folder / "boxes.csv").open("w", newline="") as file:
    csv.writer(file).writerows([("image_id", "label", "x0", "y0", "x1", "y1"), *lines])
print((folder / "boxes.csv").read_text()[:200])

# %%
# A CSV like this, with one line per box, is what ``dataset=folder`` reads on the command line. An image with two
# objects has two lines. Labels may be the network's class numbers or its class names.
#
# A torch ``Dataset``, or a list
# ------------------------------
# In Python a dataset is anything with ``len`` and ``[index]`` whose items are (image, label, boxes). Items are read
# once for sizes and boxes, and again when their pixels are needed, so nothing is held in memory. Give images as they
# are stored: no resize, no normalization, no random augmentation. The boxes are in those pixels, and the network's
# input is made for you.


class Photographs:
    """The folder as a dataset."""

    def __init__(self, folder: Path) -> None:
        with (folder / "boxes.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.names = sorted({row["image_id"] for row in rows})
        self.rows = [[row for row in rows if row["image_id"] == name] for name in self.names]
        self.folder = folder

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict[str, object]:
        rows = self.rows[index]
        return {
            "image_id": self.names[index],
            "image": Image.open(self.folder / self.names[index]),
            "label": drawn.class_names.index(rows[0]["label"]),
            "boxes": [[float(row[corner]) for corner in ("x0", "y0", "x1", "y1")] for row in rows],
        }


photographs = Photographs(folder)
network = wsol.load_classifier("shapes_gap")  # or any nn.Module: see "Your own network"
result = wsol.evaluate(network, photographs, ["gradcam", "layercam", "centergauss"], ["choe2020_v1"])
result.table()

# %%
# Look before you believe
# -----------------------
# Check *Top-1 Cls* under the table first. If the network's class is mostly wrong, labels or normalization do not fit,
# and no localization number means anything. Then look at some maps: a box drawn in the wrong coordinates is seen at
# once.
#
# The ground-truth box is dashed, the predicted one solid. The image shows through where the map is low; its scale is
# in the corner of each picture.
items = [photographs[n] for n in (4, 12, 20)]
images = [item["image"] for item in items]
maps = wsol.attribute(network, images, "layercam", target=[item["label"] for item in items])
found = wsol.localize(maps, protocol="choe2020_v1", boxes=[item["boxes"] for item in items], tau=0.2)

figure, axes = plt.subplots(1, 3, figsize=(10, 4), layout="constrained")
for axis, item, raw, box in zip(axes, items, maps, found, strict=True):
    axis.imshow(wsol.overlay(item["image"], raw, boxes=box.boxes(), gt_boxes=item["boxes"]))
    axis.set_title(f"{item['image_id']}: IoU {box.iou:.2f} at tau 0.2", fontsize=9)
    axis.axis("off")
plt.show()

# %%
# An IoU of 0.5 is the usual bar for a hit. The map follows the sign and what is around it; the box is that of the
# body, so a map can point at the right object and still miss. With 40 images an interval is 30 points wide: enough to
# see that a set-up works, too few to rank methods.
