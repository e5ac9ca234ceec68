"""ImageNetV2 (Recht et al., 2019): three samples of 10,000 images.

The lists of wsolevaluation, its ILSVRC/val, are of threshold0.7.
"""

from wsol.datasets.prepare import Part, Preparation, preparation


def _sample(name: str, *, required: bool = False) -> Part:
    # the archives of 2019 have one folder name, those of the dataset's later home another
    return Part(
        name=f"{name} images",
        pattern=rf"(imagenetv2-{name}(?:-format-val)?/\d{{1,3}}/[^/]+\.jpeg)",
        place=r"\g<1>",
        counts=(10_000,),
        archives=f"imagenetv2-{name}.tar.gz",
        required=required,
    )


preparation(
    Preparation(
        key="imagenetv2",
        about="ImageNetV2 images, and wsolevaluation's lists of them",
        parts=(
            _sample("threshold0.7", required=True),
            _sample("matched-frequency"),
            _sample("top-images"),
            Part(
                name="wsolevaluation lists",
                pattern=r"metadata/ILSVRC/(val/\w+\.txt)",
                place=r"metadata/ILSVRC/\g<1>",
                archives="wsolevaluation-master.zip",
                required=False,
            ),
        ),
        origin="Recht et al., 2019",
    )
)
