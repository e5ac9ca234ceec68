"""The papers of `benchmarks/`, one record each."""

from __future__ import annotations

from itertools import product

from published_papers import (
    Paper,
    Row,
    cam2016,
    centre,
    choe2020,
    dawsol,
    gradcam2017,
    ilsvrc_open,
    layercam2021,
    listing,
    rise2018,
    scorecam2020,
    torchcam,
    trained_localizer,
    tscam2021,
    user_runs,
)

IMAGENET = "ILSVRC2012 validation, 50,000 images, with the metadata lists of clovaai/wsolevaluation (dataset=ilsvrc)"
WSOL_SETS = f"{IMAGENET}; CUB-200-2011 test, 5,794 images (dataset=cub); OpenImages30k test (dataset=openimages)"
LAYERCAM_PARTS = ("stage1", "stage2", "stage3", "stage4", "stage5", "fused")
NOT_AT_HAND = "The table's values were not available to us: fill a cell from the paper and name its page in `source`."


def row(dataset: str, split: str, architecture: str, method: str, metric: str, **more: str) -> Row:
    return {"dataset": dataset, "split": split, "architecture": architecture, "method": method, "metric": metric} | more


PAPERS = (
    Paper(
        name="cam2016",
        paper="CAM",
        title="Learning Deep Features for Discriminative Localization",
        venue="CVPR 2016",
        citation="B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba",
        note="Three of the four values come from a listing of the paper's table 2. The published script and the text "
        "differ; the script's rules are used. Errors, not accuracies.",
        needs={
            "dataset": IMAGENET,
            "model": "alexnet_gap, vgg16_gap: AlexNet and VGG-16 with the last layers replaced by global average "
            "pooling and one linear layer; register them with @model in a file of your own and pass --with FILE",
            "weights": "the authors' Caffe models, converted",
            "checkpoint": "FILE",
            "data": "ten crops of a 256 x 256 squash, by the protocol itself",
            "own_models": ["alexnet_gap"],
        },
        csv=("cam2016_ilsvrc_localization.csv",),
        run=cam2016,
        certainty=lambda r: "secondary" if "SECONDARY" in r["source"] else "primary",
    ),
    Paper(
        name="gradcam2017",
        paper="Grad-CAM",
        title="Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
        venue="ICCV 2017",
        citation="R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra",
        note="The paper's values as quoted by the reproducibility report 'Analysis of Grad-CAM explanations', and that "
        "report's own. Errors, not accuracies.",
        needs={
            "dataset": IMAGENET,
            "model": "torchvision's alexnet, googlenet and vgg16",
            "weights": "Caffe's in the paper; torchvision's own classify up to 3 points better or worse",
            "checkpoint": "FILE",
            "data": "the input view is not stated; squash is ours",
        },
        csv=("gradcam_ilsvrc_localization.csv",),
        run=gradcam2017,
        certainty=lambda r: "secondary" if "SECONDARY" in r["source"] else "primary",
    ),
    Paper(
        name="choe2020",
        paper="Choe et al.",
        title="Evaluating Weakly Supervised Object Localization Methods Right",
        venue="CVPR 2020; MaxBoxAccV2 table of the later version (TPAMI 2022)",
        citation="J. Choe, S. J. Oh, S. Lee, S. Chun, Z. Akata, H. Shim",
        note="Main table (V2), read off the repository's figure. HaS to CutMix are printed as differences to CAM, and "
        "kept so: their cells name CAM's as `baseline`. Best WSOL means are best means, not means of bests.",
        needs={
            "dataset": WSOL_SETS,
            "model": "vgg16_gap, resnet50_gap, inceptionv3_gap: the networks of the paper's code, whose last maps have "
            "14 x 14 or 28 x 28 cells (model.grid)",
            "weights": "trained by you with the paper's schedule: no checkpoints were released; model.weights=FILE",
            "checkpoint": "FILE",
            "data": "split test; thresholds are the best of that split",
        },
        csv=("wsolevaluation_v2_main_table.csv",),
        run=choe2020,
        empty=tuple(
            row(dataset, "test", network, "CAM", "MaxBoxAcc", note=NOT_AT_HAND)
            for dataset, network in product(("ImageNet", "CUB"), ("VGG16", "InceptionV3", "ResNet50"))
        ),
    ),
    Paper(
        name="layercam2021",
        paper="LayerCAM",
        title="LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
        venue="IEEE Transactions on Image Processing, 2021",
        citation="P.-T. Jiang, C.-B. Zhang, Q. Hou, M.-M. Cheng, Y. Wei",
        note=f"{NOT_AT_HAND} The released script has neither fusion nor gamma, so fused cells are our reading. The "
        "filled cells are a rerun with that script by the authors of G2M (chuangchuangtan/G2M), on Caffe's VGG-16.",
        needs={
            "dataset": IMAGENET,
            "model": "vgg16",
            "weights": "Caffe's VGG-16 (BGR, 0-255); torchvision's are others",
            "checkpoint": "FILE",
            "data": "ten crops of a 256 x 256 squash, by the protocol itself",
        },
        csv=("layercam_per_layer_g2m_rerun.csv",),
        certainty="primary",
        run=layercam2021,
        empty=tuple(
            row("ILSVRC", "val", "VGG16", method, metric, note=NOT_AT_HAND)
            for method, metric in product(
                ["Grad-CAM stage5", "Grad-CAM++ stage5", *(f"LayerCAM {part}" for part in LAYERCAM_PARTS)],
                ["Top-1 Loc", "Top-5 Loc"],
            )
        ),
    ),
    Paper(
        name="scorecam2020",
        paper="Score-CAM",
        title="Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
        venue="CVPR Workshops 2020",
        citation="H. Wang, Z. Wang, M. Du, F. Yang, Z. Zhang, S. Ding, P. Mardziel, X. Hu",
        note="Transcribed from a full-text copy, not checked against the PDF. Its drop keeps the top half of pixels.",
        needs={
            "dataset": IMAGENET,
            "model": "vgg16",
            "weights": "torchvision's",
            "checkpoint": None,
            "data": "2000 images drawn at random in the paper; here the first 2000",
        },
        csv=("scorecam_cvprw2020.csv",),
        certainty="transcript",
        run=scorecam2020,
    ),
    Paper(
        name="rise2018",
        paper="RISE",
        title="RISE: Randomized Input Sampling for Explanation of Black-box Models",
        venue="BMVC 2018",
        citation="V. Petsiuk, A. Das, K. Saenko",
        note="Outputs of the authors' notebook (28 steps of 1792 pixels), not the paper's own table.",
        needs={
            "dataset": IMAGENET,
            "model": "resnet50",
            "weights": "torchvision's IMAGENET1K_V1 (model.weights=IMAGENET1K_V1)",
            "checkpoint": "IMAGENET1K_V1",
            "data": "the first 10,000 validation images, and its first half",
        },
        csv=("rise_deletion_insertion.csv", "rise_insertion_secondary.csv"),
        run=rise2018,
        certainty=lambda r: "secondary" if "SECONDARY" in r["source"] else "primary",
    ),
    Paper(
        name="tscam2021",
        paper="TS-CAM",
        title="TS-CAM: Token Semantic Coupled Attention Map for Weakly Supervised Object Localization",
        venue="ICCV 2021",
        citation="W. Gao, F. Wan, X. Pan, Z. Peng, Q. Tian, Z. Han, B. Zhou, Q. Ye",
        note="The authors' model zoo. They choose the best model on the test set.",
        needs={
            "dataset": WSOL_SETS,
            "model": "DeiT with TS-CAM's convolutional head; conformer_small is not in timm: register it with @model",
            "weights": "the authors' checkpoints; model.weights=FILE",
            "checkpoint": "FILE",
            "data": "fixed thresholds: 0.1 on CUB, 0.12 on ImageNet",
            "own_models": ["conformer_small"],
        },
        csv=("tscam_readme.csv",),
        run=tscam2021,
    ),
    Paper(
        name="dawsol2022",
        paper="DA-WSOL",
        title="Weakly Supervised Object Localization as Domain Adaption",
        venue="CVPR 2022",
        citation="L. Zhu, Q. She, Q. Chen, Y. You, B. Wang, Y. Lu",
        note="Authors' README.",
        needs={
            "dataset": WSOL_SETS,
            "model": "resnet50, inception_v3",
            "weights": "trained with DA-WSOL",
            "checkpoint": "FILE",
            "data": "",
        },
        csv=("dawsol_bagcams_readmes.csv",),
        of="DA-WSOL",
        run=dawsol,
    ),
    Paper(
        name="bagcams2022",
        paper="BagCAMs",
        title="Bagging Regional Classification Activation Maps for Weakly Supervised Object Localization",
        venue="ECCV 2022",
        citation="L. Zhu, Q. Chen, L. Jin, Y. You, Y. Lu",
        note="Authors' README. It gives InceptionV3 on CUB a Top-1 Loc of 56.29 for DA-WSOL + CAM; DA-WSOL's own "
        "README says 65.94, with a second network for the class.",
        needs={
            "dataset": WSOL_SETS,
            "model": "resnet50, inception_v3",
            "weights": "trained with DA-WSOL",
            "checkpoint": "FILE",
            "data": "",
        },
        csv=("dawsol_bagcams_readmes.csv",),
        of="BagCAMs",
        run=dawsol,
    ),
    Paper(
        name="c2am2022",
        paper="C2AM",
        title="C2AM: Contrastive Learning of Class-agnostic Activation Map for Weakly Supervised Object Localization "
        "and Semantic Segmentation",
        venue="CVPR 2022",
        citation="J. Xie, J. Xiang, J. Chen, X. Hou, X. Zhao, L. Shen",
        note="Authors' README; its PSOL and ORNet rows are quotes of others.",
        needs={
            "dataset": WSOL_SETS,
            "model": "two networks: one localizes, one classifies",
            "weights": "",
            "checkpoint": None,
            "data": "",
        },
        csv=("c2am_readme.csv",),
        run=trained_localizer,
        certainty=lambda r: "primary" if r["method"].startswith("C2AM") else "secondary",
    ),
    Paper(
        name="torchcam",
        paper="torch-cam",
        title="TorchCAM: class activation explorer",
        venue="software, README at commit f44afef",
        citation="F.-G. Fernandez",
        note="frgfm/torch-cam's own methods through our metric: the image is multiplied by the map in both, but map "
        "sizes and rounding may differ. Its Grad-CAM++ does not compute eq. 19.",
        needs={
            "dataset": "imagenette2, split val, as a folder with a CSV of image_id,label,x0,y0,x1,y1: labels are "
            "ImageNet's (0, 217, 482, 491, 497, 566, 569, 571, 574, 701), boxes are not used: give the whole image",
            "model": "resnet18, mobilenet_v3_large; the package torchcam (pip install 'wsol[peers]')",
            "plugin": "parity/peers.py",
            "weights": "torchvision's",
            "checkpoint": None,
            "data": "",
        },
        csv=("torchcam_readme.csv",),
        run=torchcam,
    ),
    Paper(
        name="user_runs",
        paper="clovaai/wsolevaluation#47",
        title="A user's run: CAM of ResNet50 on CUB",
        venue="issue thread",
        citation="clovaai/wsolevaluation, issue 47",
        note="One run of one user, with a network of their own. For orientation only.",
        needs={
            "dataset": WSOL_SETS,
            "model": "resnet50",
            "weights": "the user's, not released",
            "checkpoint": "FILE",
            "data": "",
        },
        csv=("user_reported_runs.csv",),
        run=user_runs,
        certainty="anecdotal",
    ),
    Paper(
        name="awesome_wsol",
        paper="secondary listing",
        title="gyguo/awesome-weakly-supervised-object-localization, section 2",
        venue="a compilation on GitHub, commit 86b0237",
        citation="gyguo",
        note="Second hand: check each value against its paper. Known slips: the four GoogLeNet CAM values stand for "
        "CUB and for ImageNet; GenPromp is dated CVPR and ICCV 2023; DA-WSOL is rounded otherwise than in its README.",
        needs={"dataset": WSOL_SETS, "model": "as the papers say", "weights": "", "checkpoint": None, "data": ""},
        csv=("gyguo_awesome_wsol_secondary.csv",),
        run=listing,
        certainty="secondary",
    ),
    Paper(
        name="centre_baseline",
        paper="centre baseline",
        title="A centred Gaussian for every image, under the 2020 protocol",
        venue="measured by this project",
        citation="clovaai/wsolevaluation @ 96f4b88, its own functions on its own metadata",
        note="Exact to 0.01 and independent of the Gaussian's width. Any CAM must beat these to have said anything. "
        "The centre baselines printed in choe2020.yaml (52.5 and 59.7) don't follow from that code.",
        needs={
            "dataset": f"{IMAGENET}; CUB-200-2011; ImageNetV2 and CUBV2 for the val splits",
            "model": "any: the map ignores it",
            "weights": "any",
            "checkpoint": None,
            "data": "only sizes and boxes decide the numbers",
        },
        csv=("measured_centre_baseline.csv",),
        run=centre,
        certainty="measured",
    ),
    Paper(
        name="ilsvrc_open",
        paper="real images, real weights",
        title="909 public ILSVRC validation images, two small networks, reference evaluator",
        venue="measured by this project",
        citation="clovaai/wsolevaluation @ 96f4b88, its own functions",
        note="For checking an installation against the reference code. The images are a squashed, somewhat easier "
        "subset: never call a number on it ImageNet accuracy. One image is 0.11 points.",
        needs={
            "dataset": "shared/data/ilsvrc_open (set WSOL_SHARED, or keep ../shared beside the checkout)",
            "model": "mobilenet_v2, squeezenet1_1",
            "weights": "shared/data/weights, which are not torchvision's own",
            "checkpoint": "FILE",
            "data": "the stored 227 x 227 files, squashed to 224 x 224",
        },
        run=ilsvrc_open,
        certainty="measured",
    ),
)
