"""CUB-200-2011 (Wah et al., 2011): images, their lists and, beside, segmentations; no parts, no attributes."""

from wsol.datasets.prepare import Part, Preparation, preparation

LISTS = ("images", "bounding_boxes", "image_class_labels", "train_test_split", "classes")

preparation(
    Preparation(
        key="cub",
        about="CUB-200-2011 images, boxes, labels, split and segmentations",
        parts=(
            Part(
                name="images",
                pattern=r"CUB_200_2011/(images/\d{3}\.[^/]+/[^/]+\.jpg)",
                place=r"CUB_200_2011/\g<1>",
                counts=(11_788,),
                archives="CUB_200_2011.tgz",
            ),
            Part(
                name="lists",
                pattern=rf"CUB_200_2011/((?:{'|'.join(LISTS)})\.txt)",
                place=r"CUB_200_2011/\g<1>",
                counts=(len(LISTS),),
                archives="CUB_200_2011.tgz",
            ),
            Part(
                name="segmentations",
                pattern=r"(segmentations/\d{3}\.[^/]+/[^/]+\.png)",
                place=r"\g<1>",
                counts=(11_788,),
                certain=False,
                archives="segmentations.tgz",
                required=False,
            ),
            Part(
                name="wsolevaluation lists",
                pattern=r"metadata/CUB/((?:train|val|test)/\w+\.txt)",
                place=r"metadata/CUB/\g<1>",
                archives="wsolevaluation-master.zip",
                required=False,
            ),
        ),
        md5={"CUB_200_2011.tgz": "97eceeb196236b17998738112f37df78"},
        md5_origin="TDeVries/cub2011_dataset",
        origin="wsolevaluation's lists: 5,994 + 5,794",
    )
)
