"""A student's loss and gradients equal a slow twin's, each term acts, and what has no maps is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training.small import first_and_last_loss, trained
from wsol.errors import ConfigError, ModelError
from wsol.models.zoo import load_classifier
from wsol.training.technique import TrainingBatch
from wsol.training.techniques.distill_maps import DistillMaps


class Student(nn.Module):
    """Two layers and a head, on a coarser grid than the teacher's."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 5, 8, stride=8), nn.ReLU(), nn.Conv2d(5, 6, 3, padding=1), nn.ReLU())
        self.fc = nn.Linear(6, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.features(images).mean((2, 3)))


@pytest.fixture
def batch() -> TrainingBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand((3, 3, 128, 128), generator=generator)
    return TrainingBatch(images, torch.tensor([0, 4, 9]))


def twin(student: Student, batch: TrainingBatch, *, share: float, temperature: float, maps: float) -> Tensor:
    """The loss as the docstring has it, image by image."""
    gap = load_classifier("shapes_gap").module
    total = torch.zeros(())
    for image, label in zip(batch.images, batch.labels.tolist(), strict=True):
        a = student.features(image[None])[0]
        z = student.fc.weight @ a.mean((1, 2)) + student.fc.bias
        p = sum(student.fc.weight[label, k] * a[k] for k in range(len(a)))
        with torch.no_grad():
            b = image[None]
            for stage in range(1, 6):
                b = gap.get_submodule(f"stage{stage}")(b)
            b = b[0]
            t = gap.fc.weight @ b.mean((1, 2)) + gap.fc.bias
            q = sum(gap.fc.weight[label, k] * b[k] for k in range(len(b)))
            q = nn.functional.interpolate(q[None, None], p.shape, mode="bilinear", align_corners=False)[0, 0]
        soft_t, soft_z = (t / temperature).softmax(0), (z / temperature).softmax(0)
        kl = sum(soft_t[c] * (soft_t[c].log() - soft_z[c].log()) for c in range(10))
        p, q = p - p.mean(), q - q.mean()
        difference = (q / q.norm() - p / p.norm()).square().sum()
        cross = -z.log_softmax(0)[label]
        total = total + (1 - share) * cross + share * temperature**2 * kl + maps * difference
    return total / len(batch.images)


@pytest.mark.parametrize(("share", "temperature", "maps"), [(0.3, 2.0, 1.5), (0.0, 4.0, 0.0), (1.0, 1.0, 10.0)])
def test_loss_and_gradients_are_the_twins(share: float, temperature: float, maps: float, batch: TrainingBatch) -> None:
    torch.manual_seed(0)
    student = Student()
    technique = DistillMaps(teacher="shapes_gap", share=share, temperature=temperature, maps=maps)
    technique.configure(student)
    found = technique.loss(student, batch)
    expected = twin(student, batch, share=share, temperature=temperature, maps=maps)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    theirs = torch.autograd.grad(expected, list(student.parameters()))
    ours = torch.autograd.grad(found, list(student.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_student_equal_to_its_teacher_has_nothing_to_learn_from_it(batch: TrainingBatch) -> None:
    same = load_classifier("shapes_gap").module
    technique = DistillMaps(teacher="shapes_gap", share=1.0)
    technique.configure(same)
    assert technique.loss(same, batch).item() == pytest.approx(0.0, abs=1e-5)


def test_the_teacher_is_not_trained_and_the_network_is_left_without_hooks(batch: TrainingBatch) -> None:
    student = Student()
    technique = DistillMaps(teacher="shapes_gap")
    technique.configure(student)
    technique.loss(student, batch).backward()
    teacher = technique._networks["teacher"].network
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert all(p.grad is not None for p in student.parameters())
    assert not any(part._forward_hooks for part in (*student.modules(), *teacher.modules()))


@pytest.mark.parametrize(
    ("teacher", "sentence"),
    [
        ("", "needs technique.teacher=NAME or DIR"),
        ("shapes_vgg", "the teacher has no average pooling and linear layer"),
    ],
)
def test_what_has_no_maps_is_refused(teacher: str, sentence: str) -> None:
    with pytest.raises((ConfigError, ModelError), match=sentence):
        DistillMaps(teacher=teacher).configure(Student())


def test_steps_bring_a_student_to_its_teacher(batch: TrainingBatch) -> None:
    torch.manual_seed(0)
    student = Student()
    technique = DistillMaps(teacher="shapes_gap")
    technique.configure(student)
    first, last = first_and_last_loss(student, technique, lambda: batch)
    assert last < first


@pytest.mark.full
def test_a_student_is_trained_by_a_trained_teacher(tmp_path: Path) -> None:
    trained(tmp_path / "teacher", "recipe.epochs=1")
    words = ["technique=distill_maps", f"technique.teacher={tmp_path / 'teacher'}", "recipe.epochs=1", "seed=1"]
    weights = trained(tmp_path / "student", *words)
    assert all(math.isfinite(float(value.float().sum())) for value in weights.values())
