"""The embedded data set: same pixels everywhere, exact boxes and masks, and options that do what they say."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import wsol.datasets.shapes
from wsol.datasets.base import Sample, datasets
from wsol.datasets.formats.shapes import Shapes
from wsol.datasets.shapes.backgrounds import FAMILIES
from wsol.datasets.shapes.canvas import stroke_distance, value_noise
from wsol.datasets.shapes.dice import Dice, lattice, mix
from wsol.datasets.shapes.glyphs import GLYPHS
from wsol.datasets.shapes.scene import paint_scene, plan_scene
from wsol.errors import ConfigError, DataError

# Made by: python -c "from tests.datasets.test_shapes import digest; print(*map(digest, ('train', 'val', 'test')))"
# A change of any pixel, box or label changes them; then raise DRAWING_VERSION and train the embedded networks again.
FROZEN = {
    "train": "59723a903b247cd6e45c623d4dda4683d04f018a39f31141cae60cc8f3780b4d",
    "val": "2721f210d71e3fa62fbfd2decfe08165b347ec3436e42c26d3b1f2c77c26e8c5",
    "test": "9ac34be1c67d51a01015165dc284cbb0c5b0de19249e83cc42097f29b4a4d2e5",
}
N = 60


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    return Shapes(n=N)


def pixels(shapes: Shapes, sample: Sample) -> np.ndarray:
    return np.asarray(shapes.image(sample))


def digest(split: str, n: int = 20) -> str:
    shapes = Shapes(split=split, n=n)
    sha = hashlib.sha256()
    for sample in shapes.samples():
        sha.update(f"{sample.image_id} {sample.label} {sample.size_wh} {sample.boxes_xyxy.tolist()}".encode())
        sha.update(pixels(shapes, sample).tobytes())
        sha.update(shapes.mask(sample).tobytes())
    return sha.hexdigest()


@pytest.mark.parametrize("split", FROZEN)
def test_the_first_images_of_each_split_are_the_frozen_ones(split: str) -> None:
    assert digest(split) == FROZEN[split]


def test_drawing_uses_only_operations_that_are_exact_on_every_platform() -> None:
    allowed = {"arange", "asarray", "clip", "empty", "flatnonzero", "float64", "floor", "full", "int64", "maximum",
               "minimum", "nonzero", "sqrt", "uint64", "uint8", "where", "zeros"}  # fmt: skip
    methods = {"sum", "mean", "std", "dot", "cumsum", "prod", "var", "trace"}
    for file in Path(wsol.datasets.shapes.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.MatMult | ast.Pow), f"{file.name} has @ or **"
            if isinstance(node, ast.Attribute):
                assert node.attr not in methods, f"{file.name}:{node.lineno} uses .{node.attr}"
                if isinstance(node.value, ast.Name) and node.value.id == "np":
                    assert node.attr in allowed, f"{file.name}:{node.lineno} uses np.{node.attr}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {"math", "random", "PIL", "cv2", "scipy"} & {name.split(".")[0] for name in names}


def test_dice_roll_the_published_splitmix64_sequence() -> None:
    dice = Dice()
    dice.key = 1234567  # the sequence that implementations of splitmix64 are checked with
    assert [dice.bits() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_lattice_values_are_those_of_the_scalar_generator() -> None:
    key = Dice("lattice", 3).key
    expected = [(mix((key + i * 0x9E3779B97F4A7C15) % 2**64) >> 11) / 2**53 for i in range(1, 13)]
    assert lattice(key, 3, 4).ravel().tolist() == expected


def test_child_dice_do_not_depend_on_how_far_their_parent_was_read() -> None:
    one, other = Dice("a", 1), Dice("a", 1)
    other.bits()
    assert one.child("b").bits() == other.child("b").bits()
    assert one.child("b").bits() != one.child("c").bits()
    assert Dice("ab").key != Dice("a", "b").key


def test_turns_are_rotations_that_cover_the_whole_circle() -> None:
    dice = Dice("turns")
    turns = np.array([dice.turn() for _ in range(400)])
    np.testing.assert_allclose((turns**2).sum(1), 1, atol=1e-15)
    assert {(c > 0, s > 0) for c, s in turns.tolist()} == {(a, b) for a in (True, False) for b in (True, False)}
    narrow = np.array([dice.turn(0.12) for _ in range(200)])
    assert narrow[:, 0].min() > np.cos(np.radians(14))


def test_noise_goes_through_its_lattice_and_stays_within_it() -> None:
    noise = value_noise(5, 33, 17, 8.0, 4.0)
    knots = lattice(5, 6, 6)
    np.testing.assert_allclose(noise[::4, ::8], knots[:5, :5], atol=1e-15)
    assert noise.min() >= 0
    assert noise.max() <= 1


def test_stroke_distance_is_the_least_distance_to_the_discs_along_it() -> None:
    x, y = np.meshgrid(np.arange(20.0), np.arange(16.0))
    a, b = (4.0, 5.0, 2.0), (14.0, 9.0, 2.0)
    along = np.linspace(0, 1, 4001)
    discs = np.hypot(x[..., None] - (a[0] + along * (b[0] - a[0])), y[..., None] - (a[1] + along * (b[1] - a[1]))).min(
        -1
    )
    np.testing.assert_allclose(stroke_distance(x, y, a, b), discs - 2.0, atol=1e-5)


def test_shapes_is_a_registered_dataset_with_ten_readable_classes() -> None:
    assert datasets["shapes"] is Shapes
    assert Shapes.key == "shapes"
    assert tuple(Shapes().class_names) == GLYPHS
    assert len(set(GLYPHS)) == len(FAMILIES) == 10


@pytest.mark.parametrize(("split", "size"), [("train", 6000), ("val", 1000), ("test", 1000)])
def test_splits_have_their_own_size_unless_told(split: str, size: int) -> None:
    assert Shapes(split=split)._size == size
    assert len(Shapes(split=split, n=7).samples()) == 7


def test_samples_are_sorted_by_id_and_every_ten_hold_every_class(shapes: Shapes) -> None:
    samples = shapes.samples()
    ids = [sample.image_id for sample in samples]
    assert ids[42] == "test/00042"
    assert ids == sorted(set(ids))
    for start in range(0, N, 10):
        assert sorted(sample.label for sample in samples[start : start + 10]) == list(range(10))
    orders = {tuple(sample.label for sample in samples[start : start + 10]) for start in range(0, N, 10)}
    assert len(orders) == N // 10


def test_an_image_depends_on_its_index_alone_and_not_on_the_images_before_it(shapes: Shapes) -> None:
    sample = shapes.samples()[17]
    alone = Shapes(n=18)
    np.testing.assert_array_equal(pixels(alone, sample), pixels(shapes, sample))
    np.testing.assert_array_equal(alone.samples()[17].boxes_xyxy, sample.boxes_xyxy)


def test_no_two_images_are_equal_within_and_between_splits_and_seeds() -> None:
    sets = [Shapes(split=split, seed=seed, n=5) for split in ("train", "val", "test") for seed in (0, 1)]
    images = {pixels(shapes, sample).tobytes() for shapes in sets for sample in shapes.samples()}
    assert len(images) == 30


def test_images_are_rgb_of_the_stated_size_in_three_aspect_ratios(shapes: Shapes) -> None:
    for sample in shapes.samples()[:20]:
        image = shapes.image(sample)
        assert (image.mode, image.size) == ("RGB", sample.size_wh)
        assert shapes.mask(sample).shape == sample.size_wh[::-1]
    assert {sample.size_wh for sample in shapes.samples()} == {(160, 128), (128, 160), (144, 144)}


def test_boxes_are_the_tight_half_open_boxes_of_the_masks() -> None:
    shapes = Shapes(n=N, two_instances=0.5)
    for sample in shapes.samples():
        mask = shapes.mask(sample)
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 1}
        rest = mask.copy()
        for x0, y0, x1, y1 in sample.boxes_xyxy.astype(int):
            inside = mask[y0:y1, x0:x1]
            assert 0 < x0 < x1 < mask.shape[1]  # whole bodies: none is cut by the image's edge
            assert 0 < y0 < y1 < mask.shape[0]
            for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
                assert edge.any()
            rest[y0:y1, x0:x1] = 0
        assert not rest.any()


def test_two_boxes_never_meet() -> None:
    shapes = Shapes(n=N, two_instances=1.0, scales=(0.9, 0.95))
    for sample in shapes.samples():
        a, b = sample.boxes_xyxy
        assert (np.minimum(a[2:], b[2:]) <= np.maximum(a[:2], b[:2])).any()


@pytest.mark.full
def test_shares_of_two_instances_and_of_own_backgrounds_are_as_asked() -> None:
    shapes = Shapes(split="train", n=1000, two_instances=0.3, background_correlation=0.6)
    scenes = [shapes.scene(sample) for sample in shapes.samples()]
    two = sum(len(scene.bodies) == 2 for scene in scenes)
    own = sum(scene.family == FAMILIES[scene.label] for scene in scenes)
    assert 240 < two < 360  # four standard deviations
    assert 538 < own < 662
    others = [scene.family for scene in scenes if scene.family != FAMILIES[scene.label]]
    assert min(others.count(family) for family in FAMILIES) > 15


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nought_or_one_has_no_exception(share: float) -> None:
    shapes = Shapes(n=N, two_instances=share, background_correlation=share)
    for sample in shapes.samples():
        assert len(sample.boxes_xyxy) == 1 + share
        scene = shapes.scene(sample)
        assert (scene.family == FAMILIES[scene.label]) == bool(share)


def test_the_class_shows_in_the_sign_and_nowhere_else(shapes: Shapes) -> None:
    for sample in shapes.samples()[:20]:
        scene = shapes.scene(sample)
        other = replace(scene, label=(scene.label + 1) % 10)
        changed = (paint_scene(scene, shapes._recipe) != paint_scene(other, shapes._recipe)).any(2)
        assert changed.any()
        assert not changed[shapes.mask(sample) == 0].any()
        room = sum((1.6 * shapes.part_scale * body.size + 4) ** 2 for body in scene.bodies)
        assert changed.sum() < room


def test_bodies_know_nothing_of_the_class(shapes: Shapes) -> None:
    for index in range(20):
        one, other = (plan_scene(Dice("any", index), label, shapes._recipe) for label in (0, 7))
        assert [body.box_xyxy for body in one.bodies] == [body.box_xyxy for body in other.bodies]
        assert one.size_wh == other.size_wh


def test_an_option_leaves_the_rest_of_the_image_as_it_was(shapes: Shapes) -> None:
    crowded = Shapes(n=N, distractors=9.0)
    elsewhere = Shapes(n=N, background_correlation=0.0)
    for sample in shapes.samples()[:20]:
        plain = pixels(shapes, sample)
        core = np.zeros(plain.shape[:2], bool)
        for body in shapes.scene(sample).bodies:
            alone = np.zeros(core.shape, np.uint8)
            replace(body, distance=body.distance + 1.0).mark(alone)
            core |= alone > 0
        for other in (crowded, elsewhere):
            np.testing.assert_array_equal(other.mask(sample), shapes.mask(sample))
            assert (pixels(other, sample)[core] == plain[core]).all()
    assert any((pixels(crowded, s) != pixels(shapes, s)).any() for s in shapes.samples()[:3])


def test_a_larger_sign_covers_more_of_the_body() -> None:
    def changed(part_scale: float) -> int:
        shapes = Shapes(n=10, part_scale=part_scale)
        total = 0
        for sample in shapes.samples():
            scene = shapes.scene(sample)
            other = replace(scene, label=(scene.label + 1) % 10)
            total += int((paint_scene(scene, shapes._recipe) != paint_scene(other, shapes._recipe)).any(2).sum())
        return total

    assert 2 * changed(0.15) < changed(0.3)


def test_scales_bound_the_longer_side_of_single_bodies() -> None:
    shapes = Shapes(n=N, two_instances=0.0, scales=(0.5, 0.6))
    for sample in shapes.samples():
        x0, y0, x1, y1 = sample.boxes_xyxy[0]
        longer = max(x1 - x0, y1 - y0) / min(sample.size_wh)
        assert 0.46 < longer < 0.64  # a fillet may add, a cut pixel take away


def test_no_texture_means_smooth_grounds() -> None:
    flat, normal = (Shapes(n=10, texture=t, distractors=0.0) for t in (0.0, 1.0))
    for sample in flat.samples():
        steps = [np.abs(np.diff(pixels(s, sample)[:8].astype(int), axis=1)).mean() for s in (flat, normal)]
        assert steps[0] < 1 < steps[1]


def test_fingerprint_names_every_option_and_nothing_else() -> None:
    changed = [{}, {"seed": 1}, {"split": "val"}, {"n": 10}, {"background_correlation": 0.4}, {"part_scale": 0.26},
               {"two_instances": 0.1}, {"distractors": 2.0}, {"scales": (0.3, 0.8)}, {"texture": 0.9}]  # fmt: skip
    assert len({Shapes(**options).fingerprint() for options in changed}) == len(changed)
    names = {key for options in changed for key in options}
    choosing = {"limit", "classes", "size", "size_rule"}  # `limit` is `n` by another name
    assert names | choosing == {field.name for field in fields(Shapes)}
    assert Shapes(n=1000, distractors=3, scales=[0.3, 0.9]).fingerprint() == Shapes().fingerprint()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"split": "tset"}, "there is no split of shapes 'tset'; nearest: 'test'"),
        ({"n": 0}, "dataset.n=0 leaves no image: give 1 or more, or null for the test split's size"),
        ({"seed": -1}, "dataset.seed=-1 is negative: give 0 or more"),
        ({"part_scale": 0.7}, "dataset.part_scale=0.7 is outside 0.1 to 0.6"),
        ({"background_correlation": float("nan")}, "dataset.background_correlation=nan is outside 0 to 1"),
        ({"distractors": -1}, "dataset.distractors=-1 is outside 0 to 20"),
        ({"scales": (0.8, 0.4)}, r"dataset.scales=\[0.8, 0.4\] must be \[least, greatest\] within 0.2 and 0.95"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_one_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"^{sentence}$"):
        Shapes(**options)


@pytest.mark.parametrize("image_id", ["val/00001", "test/00060", "test/-1", "x"])
def test_a_sample_of_another_set_is_refused(shapes: Shapes, image_id: str) -> None:
    sample = replace(shapes.samples()[0], image_id=image_id)
    with pytest.raises(DataError, match="is not one of the 60 images of shapes' test split"):
        shapes.image(sample)
