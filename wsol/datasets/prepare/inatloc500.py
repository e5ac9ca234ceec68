"""iNatLoc500 (Cole et al., 2022): the images with boxes, and the lists in wsolevaluation's format.

The training images of its archive, 18 GB without boxes, are left in it.
"""

from wsol.datasets.prepare import Part, Preparation, preparation


def _images(split: str) -> Part:
    return Part(
        name=f"{split} images",
        pattern=rf"({split}/[^/]+/[^/]+/[^/]+\.jpg)",
        place=r"\g<1>",
        counts=(12_500,),
        archives="the archive of images",
        required=split == "test",
    )


preparation(
    Preparation(
        key="inatloc500",
        about="iNatLoc500 images with boxes, and their lists",
        parts=(
            _images("test"),
            _images("val"),
            Part(
                name="lists",
                pattern=r"(?:metadata/)?((?:val|test)/(?:class_labels|image_ids|image_sizes|localization)\.txt)",
                place=r"metadata/\g<1>",
                counts=(4, 8),
                archives="the archive of metadata",
            ),
            Part(
                name="class names",
                pattern=r"(?:metadata/)?(class_names\.txt)",
                place=r"metadata/\g<1>",
                counts=(1,),
                archives="the archive of metadata",
                required=False,
            ),
        ),
        origin="Cole et al.",
    )
)
