"""iNatLoc500 (Cole et al., 2022): the images with boxes, and the lists in wsolevaluation's format.

The training images of its archive, 18 GB without boxes, are left in it.
"""

from wsol.datasets.prepare import Part, Preparation, preparation

IMAGES, METADATA = "iNatLoc.tar.gz", "metadata_choe.zip"


def _images(split: str) -> Part:
    return Part(
        name=f"{split} images",
        pattern=rf"({split}/[^/]+/[^/]+/[^/]+\.jpg)",
        place=r"\g<1>",
        counts=(12_500,),
        archives=IMAGES,
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
                archives=METADATA,
            ),
            Part(
                name="class names",
                pattern=r"(?:metadata/)?(class_names\.txt)",
                place=r"metadata/\g<1>",
                counts=(1,),
                archives=METADATA,
                required=False,
            ),
        ),
        md5={IMAGES: "f9394137ddbff3919fe805c6dd8f22cb", METADATA: "5ae02339a005574b3c6757309e9872ed"},
        md5_origin="visipedia/inat_loc",
        origin="Cole et al., 2022",
    )
)
