"""Oxford-IIIT Pet (Parkhi et al., 2012): images, trimaps, XML boxes of heads, and the lists of the splits."""

from wsol.datasets.prepare import Part, Preparation, preparation

preparation(
    Preparation(
        key="pets",
        about="Oxford-IIIT Pet images, trimaps, boxes of heads and splits",
        parts=(
            Part(
                name="images",
                pattern=r"(images/\w+\.jpg)",
                place=r"\g<1>",
                counts=(7_390,),  # 7,349 of them are in the lists
                certain=False,
                archives="images.tar.gz",
            ),
            Part(
                name="trimaps",
                pattern=r"(annotations/trimaps/\w+\.png)",  # not the `._` files beside them
                place=r"\g<1>",
                counts=(7_390,),
                certain=False,
                archives="annotations.tar.gz",
            ),
            Part(
                name="lists",
                pattern=r"(annotations/(?:list|trainval|test)\.txt)",
                place=r"\g<1>",
                counts=(3,),
                archives="annotations.tar.gz",
            ),
            Part(
                name="head boxes",
                pattern=r"(annotations/xmls/\w+\.xml)",
                place=r"\g<1>",
                archives="annotations.tar.gz",
                required=False,
            ),
        ),
        md5={
            "images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
            "annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f",
        },
        md5_origin="torchvision",
        origin="Parkhi et al., 2012",
    )
)
