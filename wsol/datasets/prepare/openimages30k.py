"""OpenImages30k (Choe et al., 2020): images and masks in one tree, and wsolevaluation's lists of them."""

from wsol.datasets.prepare import Part, Preparation, preparation

IMAGES = {"train": 29_819, "val": 2_500, "test": 5_000}  # Choe et al., 2020, table 1
MASKS = {"val": (3_854 + 2_500), "test": (7_632 + 5_000)}  # masks and ignore masks in wsolevaluation's lists


def _images(split: str) -> Part:
    return Part(
        name=f"{split} images",
        pattern=rf"({split}/[^/]+/\w+\.jpg)",
        place=r"\g<1>",
        counts=(IMAGES[split],),
        archives="OpenImages_images.zip",
        required=split == "test",
    )


def _masks(split: str) -> Part:
    return Part(
        name=f"{split} masks",
        pattern=rf"({split}/[^/]+/\w+\.png)",
        place=r"\g<1>",
        counts=(MASKS[split],),
        archives="OpenImages_annotations.zip",
        required=split == "test",
        belongs_to=f"{split} images",
    )


preparation(
    Preparation(
        key="openimages30k",
        about="OpenImages30k images and masks, and wsolevaluation's lists of them",
        parts=(
            _images("test"),
            _masks("test"),
            _images("val"),
            _masks("val"),
            _images("train"),
            Part(
                name="lists",
                pattern=r"metadata/OpenImages/((?:train|val|test)/\w+\.txt)",
                place=r"metadata/OpenImages/\g<1>",
                archives="wsolevaluation-master.zip",
                required=False,
            ),
        ),
        origin="Choe et al., 2020, and its lists",
    )
)
