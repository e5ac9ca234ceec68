from wsol.metrics.base import *


def measure(metric, cases):
    return [metric.measure(c) for c in cases]


def failed_columns(metric, case):
    return {}


def padded(images, sizes):
    return images, len(images)
