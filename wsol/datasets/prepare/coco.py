"""COCO (Lin et al., 2014): images of 2014 and 2017 and their instance annotations."""

from wsol.datasets.prepare import Part, Preparation, preparation

IMAGES = {"val2017": 5_000, "train2017": 118_287, "val2014": 40_504, "train2014": 82_783}


def _images(split: str) -> Part:
    return Part(
        name=f"{split} images",
        pattern=rf"({split}/(?:COCO_{split}_)?\d{{12}}\.jpg)",
        place=r"\g<1>",
        counts=(IMAGES[split],),
        archives=f"{split}.zip",
        required=False,
    )


def _annotations(split: str) -> Part:
    return Part(
        name=f"{split} annotations",
        pattern=rf"(annotations/instances_{split}\.json)",
        place=r"\g<1>",
        counts=(1,),
        archives=f"annotations_trainval{split[-4:]}.zip",
        required=False,
        belongs_to=f"{split} images",
    )


preparation(
    Preparation(
        key="coco",
        about="COCO images of 2014 and 2017, and their instances",
        parts=(*map(_images, IMAGES), *map(_annotations, IMAGES)),
        origin="TensorFlow Datasets (2014) and the copies on Hugging Face (2017)",
    )
)
