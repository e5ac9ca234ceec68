"""What the two records of CAM's localization share (Zhou et al., 2016)."""

TITLE = "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016"
PAPER = "CVPR 2016, sec. 3.2"
CODE = "zhoubolei/CAM, ILSVRC_evaluate_bbox.m"
DEVKIT = "ILSVRC devkit"
OPEN = "not stated; our choice"
