"""The papers of `benchmarks/` whose CSV files name the source and certainty of each row, one record each."""

from __future__ import annotations

from functools import partial
from typing import Any

from published_papers import TRAINED, Paper, Row, Run, boxes_or_pixels, choe2020, command

TRAINED_BY_THEM = "a network trained by the paper's authors, or a map that is not among our methods"
OTHER_DATA = "data, network or metric that this project does not have"
QUOTED = "quoted by this table from another paper: see the paper's own table"


def not_here(note: str, row: Row) -> Run:
    return Run(note=note)


def ivr2021(row: Row) -> Run:
    """A row of Choe et al.'s evaluator under one of four normalizations."""
    rule = row["setting"].removeprefix("normalization ").lower()
    plain = choe2020({**row, "metric": row["metric"]})
    if not plain.overrides:
        return plain
    chosen = "ivr2021" if rule == "ivr" else f"ivr2021[normalise={rule}]"
    if plain.protocol == "pxap":
        metric = "pxap" if rule == "minmax" else f"pxap[normalise={rule}]"
        words = tuple(word.replace("metric=[pxap]", f"metric=[{metric}]") for word in plain.overrides)
        return Run(overrides=words, protocol=metric, note=plain.note, train=plain.train)
    words = tuple(word.replace("protocol=[choe2020_v2]", f"protocol=[{chosen}]") for word in plain.overrides)
    return Run(overrides=words, protocol=chosen, note=plain.note, train=plain.train)


def fcam2022(row: Row) -> Run:
    if row["architecture"] == "Mean":
        return Run(note="a mean of other cells")
    if row["certainty"] == "secondary":
        return Run(note=QUOTED)
    return Run(note=f"{TRAINED_BY_THEM}: classifiers with a WGAP head")


def gradcampp2018(row: Row) -> Run:
    key = {"Grad-CAM": "gradcam", "Grad-CAM++": "gradcam_pp"}.get(row["method"])
    network = {"VGG16 (Caffe)": "vgg16", "AlexNet": "alexnet", "ResNet50": "resnet50"}.get(row["architecture"])
    drops = row["metric"] in ("average drop", "increase in confidence")
    if row["dataset"] != "ImageNet" or key is None or network is None or not drops:
        return Run(note=OTHER_DATA)
    return Run(overrides=command("ilsvrc", network, key, metric="drop"), protocol="drop", tolerance=TRAINED)


def dualcam2025(row: Row) -> Run:
    if "Dual-CAM" in row["method"] or row["dataset"] in ("CUB", "StanfordCars"):
        return Run(note=TRAINED_BY_THEM)
    key = {"CAM": "cam", "Grad-CAM": "gradcam"}[row["method"]]
    dataset = {"ImageNet": "ilsvrc", "OpenImages30k": "openimages"}[row["dataset"]]
    networks = {"VGG16": "vgg16_gap", "InceptionV3": "inceptionv3_gap", "ResNet50": "resnet50_gap"}
    found = boxes_or_pixels(dataset, networks[row["architecture"]], key, row["metric"])
    protocol = "classification" if "Cls" in row["metric"] else found.protocol
    return Run(overrides=found.overrides, protocol=protocol, note="the authors' own weights; tau rule not stated")


def needs(data: str, model: str, weights: str = "the authors' own") -> dict[str, Any]:
    return {"dataset": data, "model": model, "weights": weights, "checkpoint": "FILE", "data": ""}


def quoting(row: Row) -> Run:
    return Run(note=QUOTED if row["certainty"] == "secondary" else TRAINED_BY_THEM)


SETS = "CUB-200-2011 test, 5,794 images; ILSVRC2012 validation, 50,000 images"
WSOL_SETS = f"{SETS} (dataset=cub, ilsvrc); OpenImages30k test (dataset=openimages), in wsolevaluation's lists"


def sourced(name: str, csv: str, run: Any = None, **about: Any) -> Paper:
    """A paper of one such file; without `run`, of networks that only its authors have."""
    about = {"needs": needs(SETS, "as the paper says"), "of": "", **about}
    chosen = run or partial(not_here, TRAINED_BY_THEM)
    return Paper(name=name, csv=(csv,), run=chosen, certainty=lambda row: row["certainty"], **about)


PAPERS = (
    sourced(
        "ivr2021",
        "ivr_iccv2021_normalisation.csv",
        ivr2021,
        paper="Kim et al., IVR",
        title="Normalization Matters in Weakly Supervised Object Localization",
        venue="ICCV 2021",
        citation="J. Kim, J. Choe, S. Yun, N. Kwak",
        note="Six methods under four normalizations of the map, read off the repository's figure. The percentile of "
        "IVR is the released code's default, 0.45; the paper's own choice per data set is not in the code.",
        needs={
            "dataset": WSOL_SETS,
            "model": "vgg16_gap, resnet50_gap, inceptionv3_gap",
            "weights": "trained by you with the schedule of Choe et al., as none were released; model.weights=FILE",
            "checkpoint": "FILE",
            "data": "split test; thresholds are the best of that split",
        },
    ),
    sourced(
        "fcam2022",
        "fcam_wacv2022_poster.csv",
        fcam2022,
        paper="F-CAM",
        title="F-CAM: Full Resolution Class Activation Maps via Guided Parametric Upscaling",
        venue="WACV 2022, poster",
        citation="S. Belharbi, A. Sarraf, M. Pedersoli, I. Ben Ayed, L. McCaffrey, E. Granger",
        note="Table 1 of the poster: MaxBoxAcc (V1) on CUB and PxAP on OpenImages30k. Its rows of CAM to CutMix quote "
        "the first version of Choe et al., not the later V2 table.",
    ),
    sourced(
        "bas2022",
        "bas_cvpr2022_table.csv",
        quoting,
        paper="BAS",
        title="Background Activation Suppression for Weakly Supervised Object Localization",
        venue="CVPR 2022",
        citation="P. Wu, W. Zhai, Y. Cao",
        note="The table of the repository; rows of other methods are quotes, under each paper's own threshold rule.",
    ),
    sourced(
        "sat2023",
        "sat_iccv2023_table.csv",
        quoting,
        paper="SAT",
        title="Spatial-Aware Token for Weakly Supervised Object Localization",
        venue="ICCV 2023",
        citation="P. Wu, W. Zhai, Y. Cao, J. Luo, Z.-J. Zha",
        note="The table of the repository; rows of other methods are quotes.",
    ),
    sourced(
        "dualcam2025",
        "dualcam_2025.csv",
        dualcam2025,
        paper="Dual-CAM",
        title="Dual-CAM",
        venue="2025, repository at commit 4c5b97f",
        citation="finallyupper/dual-cam (Oh, Joo, Ryu)",
        note="Two figures of the repository. Grad-CAM there is pytorch-grad-cam's.",
    ),
    sourced(
        "cascam",
        "cascam_pet_coco.csv",
        partial(not_here, OTHER_DATA),
        paper="CasCAM",
        title="CasCAM, supplementary page",
        venue="web page of the authors",
        citation="guebin",
        note="Pixels, not boxes. Grad-CAM, HiResCAM and XGrad-CAM are one method there, and so are their rows.",
        needs=needs("Oxford-IIIT Pet, 7,349 images; MS-COCO, 1,728 images", "not stated"),
    ),
    sourced(
        "psol2020",
        "psol_cvpr2020_poster.csv",
        quoting,
        paper="PSOL",
        title="Rethinking the Route Towards Weakly Supervised Object Localization",
        venue="CVPR 2020, poster",
        citation="C.-L. Zhang, Y.-H. Cao, J. Wu",
        note="One class-agnostic box per image, and a classifier apart. The released evaluator averages classes.",
    ),
    sourced(
        "calm2021",
        "vitol_genpromp_cutmix_calm.csv",
        partial(not_here, OTHER_DATA),
        of="Kim et al. ICCV 2021, CALM",
        paper="CALM",
        title="Keep CALM and Improve Visual Feature Attribution",
        venue="ICCV 2021",
        citation="J. M. Kim, J. Choe, Z. Akata, S. J. Oh",
        note="Localization of the parts by which pairs of CUB classes differ. The column mean is over pairs, whose "
        "counts differ, not over the three columns.",
    ),
    sourced(
        "vitol2022",
        "vitol_genpromp_cutmix_calm.csv",
        of="Gupta et al. CVPRW 2022",
        paper="ViTOL",
        title="ViTOL: Vision Transformer for Weakly Supervised Object Localization",
        venue="CVPR Workshops 2022",
        citation="S. Gupta, S. Lakhotia, A. Rawat, R. Tallamraju",
        note="Authors' README.",
    ),
    sourced(
        "genpromp2023",
        "vitol_genpromp_cutmix_calm.csv",
        of="Zhao et al. ICCV 2023",
        paper="GenPromp",
        title="Generative Prompt Model for Weakly Supervised Object Localization",
        venue="ICCV 2023",
        citation="Y. Zhao, Q. Ye, W. Wu, C. Shen, F. Wan",
        note="Authors' README. The class is EfficientNet-B7's.",
    ),
    sourced(
        "cutmix2019",
        "vitol_genpromp_cutmix_calm.csv",
        of="Yun et al. ICCV 2019",
        paper="CutMix",
        title="CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
        venue="ICCV 2019",
        citation="S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo",
        note="Authors' README, table of transfer learning.",
    ),
    sourced(
        "gradcampp2018",
        "gradcampp_wacv2018.csv",
        gradcampp2018,
        paper="Grad-CAM++",
        title="Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks",
        venue="WACV 2018",
        citation="A. Chattopadhyay, A. Sarkar, P. Howlader, V. N. Balasubramanian",
        note="Transcribed from a full-text copy, not checked against the PDF.",
        needs={
            "dataset": "ILSVRC2012 validation, 50,000 images (dataset=ilsvrc)",
            "model": "vgg16, alexnet, resnet50",
            "weights": "Caffe's in the paper; torchvision's own may differ by points",
            "checkpoint": "FILE",
            "data": "the input view is not stated",
        },
    ),
    sourced(
        "choe2020_v1",
        "choe_cvpr2020_v1_means_secondhand.csv",
        partial(not_here, "a mean of other cells"),
        paper="Choe et al., first version",
        title="Evaluating Weakly Supervised Object Localization Methods Right",
        venue="CVPR 2020, the version with MaxBoxAcc (V1)",
        citation="J. Choe, S. J. Oh, S. Lee, S. Chun, Z. Akata, H. Shim",
        note="Means over three networks, quoted by a survey. Not to be put beside the V2 table of the later version.",
    ),
    sourced(
        "unitab2022",
        "unitab_table7.csv",
        quoting,
        paper="UniTAB",
        title="UniTAB: Unifying Text and Box Outputs for Grounded Vision-Language Modeling",
        venue="ECCV 2022, table 7",
        citation="Z. Yang, Z. Gan, J. Wang, X. Hu, F. Ahmed, Z. Liu, Y. Lu, L. Wang",
        note="A transcript; rows of other methods are quotes.",
    ),
    sourced(
        "idc2024",
        "idc_tip2024_readme.csv",
        paper="IDC",
        title="Exploring Intrinsic Discrimination and Consistency for Weakly Supervised Object Localization",
        venue="IEEE Transactions on Image Processing, 2024",
        citation="C. Wang, R. Xu, S. Xu, W. Meng, R. Wang, X. Zhang",
        note="Authors' README and the log in it.",
    ),
    sourced(
        "torchcam_pr415",
        "torchcam_pr415.csv",
        partial(not_here, "run on another machine and kind of device"),
        paper="torch-cam, pull request 415",
        title="RefineCAM in torch-cam",
        venue="software, pull request 415",
        citation="F.-G. Fernandez and contributors",
        note="On an Apple M3 Pro.",
        needs=needs("imagenette2, split val, 3,925 images", "resnet18", "torchvision's"),
    ),
    sourced(
        "torchcam_results",
        "torchcam_results_csv.csv",
        partial(not_here, "the README has the same runs: see torchcam.yaml"),
        paper="torch-cam, results.csv",
        title="TorchCAM: class activation explorer",
        venue="software, scripts/results.csv at commit f44afef",
        citation="F.-G. Fernandez",
        note="The repository's own results file; its README differs for LayerCAM.",
        needs=needs("imagenette2, split val, 3,925 images", "resnet18", "torchvision's"),
    ),
    sourced(
        "pc1_2024",
        "cam_back_again_readme.csv",
        paper="CAM Back Again",
        title="CAM Back Again: Large Kernel CNNs from a Weakly Supervised Object Localization Perspective",
        venue="CVPR 2024",
        citation="S. Yasuki, M. Taki",
        note="Authors' README; thresholds are the best of the test split.",
    ),
    sourced(
        "recent",
        "recent_2023_2026_mixed.csv",
        quoting,
        paper="five sources, 2023-2026",
        title="TriLite, LocLoc, BAS re-released, semi-supervised localization, VL-Score",
        venue="repositories and notes",
        citation="the source of each cell",
        note="Different protocols; VL-Score counts several boxes at fixed thresholds.",
    ),
)
