"""PASCAL VOC 2007 and 2012 (Everingham et al.): images, XML files, lists of the splits and segmentations."""

from wsol.datasets.prepare import Part, Preparation, preparation

TRAINVAL_2012, TRAINVAL_2007, TEST_2007 = (
    "VOCtrainval_11-May-2012.tar",
    "VOCtrainval_06-Nov-2007.tar",
    "VOCtest_06-Nov-2007.tar",
)


def _year(year: int, archives: str, images: tuple[int, ...]) -> tuple[Part, ...]:
    def part(name: str, pattern: str, counts: tuple[int, ...] = (), *, also: str = "") -> Part:
        return Part(
            name=f"{name} of {year}",
            pattern=rf"(VOC{year}/{pattern})",
            place=r"VOCdevkit/\g<1>",
            counts=counts,
            certain=False,
            archives=archives,
            required=False,
            belongs_to=also,
        )

    return (
        part("images", r"JPEGImages/\w+\.jpg", images),
        part("boxes", r"Annotations/\w+\.xml", images, also=f"images of {year}"),
        part("lists", r"ImageSets/(?:Main|Segmentation)/\w+\.txt", also=f"images of {year}"),
        part("segmentations", r"Segmentation(?:Class|Object)/\w+\.png"),
    )


preparation(
    Preparation(
        key="voc",
        about="PASCAL VOC 2007 and 2012 images, boxes, splits and segmentations",
        parts=(
            *_year(2012, TRAINVAL_2012, (17_125,)),
            # trainval, test or both
            *_year(2007, f"{TRAINVAL_2007} and {TEST_2007}", (5_011, 4_952, 9_963)),
        ),
        md5={
            TRAINVAL_2012: "6cd6e144f989b92b3379bac3b3de84fd",
            TRAINVAL_2007: "c52e279531787c972589f7e41ab4ae64",
            TEST_2007: "b6e924de25625d8de591ea690078ad9f",
        },
        md5_origin="torchvision",
    )
)
