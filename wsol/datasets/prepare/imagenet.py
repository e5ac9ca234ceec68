"""ImageNet validation images (ILSVRC 2012), with boxes and the development kit; the training images are left alone.

Images keep their arrangement: flat, in one folder per class, with the class behind the name, or in Kaggle's tree.
"""

from wsol.datasets.prepare import Part, Preparation, preparation

IMAGE = r"ILSVRC2012_val_\d{8}(?:_n\d{8})?\.JPEG"
DEVKIT = (  # labels, class ids and the blacklist, of the kit of 2012 or a later one
    r"(?:ILSVRC20\d\d_(?:clsloc_)?validation_(?:ground_truth|blacklist)\.txt|map_clsloc\.txt|meta\.mat)"
)
KAGGLE = "imagenet-object-localization-challenge.zip"

preparation(
    Preparation(
        key="imagenet",
        about="ImageNet validation images, boxes and labels",
        parts=(
            Part(
                name="Kaggle images",
                pattern=rf"(ILSVRC/Data/CLS-LOC/val/{IMAGE})",
                place=r"\g<1>",
                counts=(50_000,),
                archives=KAGGLE,
                required=False,
            ),
            Part(
                name="Kaggle boxes",
                pattern=r"(ILSVRC/Annotations/CLS-LOC/val/ILSVRC2012_val_\d{8}\.xml)",
                place=r"\g<1>",
                counts=(50_000,),
                archives=KAGGLE,
                required=False,
            ),
            Part(
                name="Kaggle lists",
                pattern=r"(LOC_synset_mapping\.txt|LOC_val_solution\.csv)",
                place=r"\g<1>",
                counts=(2,),
                archives=KAGGLE,
                required=False,
            ),
            Part(
                name="images by class",
                pattern=r"((?:n\d{8}/ILSVRC2012_val_\d{8}|ILSVRC2012_val_\d{8}_n\d{8})\.JPEG)",
                place=r"val/\g<1>",
                counts=(50_000,),
                required=False,
            ),
            Part(
                name="images",
                pattern=r"(ILSVRC2012_val_\d{8}\.JPEG)",
                place=r"val/\g<1>",
                counts=(50_000,),
                archives="ILSVRC2012_img_val.tar",
                instead=("Kaggle images", "images by class"),
            ),
            Part(
                name="wsolevaluation lists",
                pattern=r"metadata/ILSVRC/((?:val|test)/\w+\.txt)",
                place=r"metadata/ILSVRC/\g<1>",
                archives="wsolevaluation-master.zip",
                required=False,
            ),
            Part(
                name="boxes",
                pattern=r"(ILSVRC2012_val_\d{8}\.xml)",
                place=r"bbox/val/\g<1>",
                counts=(50_000,),
                archives="ILSVRC2012_bbox_val_v3.tgz",
                instead=("Kaggle boxes", "Kaggle lists", "wsolevaluation lists"),
            ),
            Part(
                name="devkit files",
                pattern=rf"((?:ILSVRC20\d\d_devkit\w*/data/)?{DEVKIT})",
                place=r"\g<1>",
                archives="ILSVRC2012_devkit_t12.tar.gz",
                required=False,
                belongs_to="images",  # which say nothing of their classes
                instead=("wsolevaluation lists",),
            ),
        ),
        skipped=r"ILSVRC2012_img_(?:train|test).*\.tar",
        md5={
            "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
            "ILSVRC2012_devkit_t12.tar.gz": "fa75699e90414af021442c21a62c3abf",
        },
        md5_origin="torchvision",
        origin="Russakovsky et al., 2015",
    )
)
