"""The sentence under an ablation: what its paired tests allow, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.made_up import make_run
from tests.report.printing import printed
from wsol.report.numbers.lines import lines_of
from wsol.report.numbers.studies import ablations, outcome
from wsol.report.numbers.summary import summarize


def sentences(place: Path, quality: dict[str, float | str], **options: int) -> list[str]:
    text = printed(summarize(make_run(place, quality, **options), n_resamples=200))  # type: ignore[arg-type]
    under = text[text.index("\n\n") + 2 :].splitlines()
    return under[: next(n for n, line in enumerate(under) if line.startswith("Ranked by"))]


def test_a_value_better_than_every_other_is_named(tmp_path: Path) -> None:
    quality = {"layercam@stage5[gamma=1]": -0.4, "layercam@stage5[gamma=2]": 0.3, "layercam@stage5[gamma=4]": -0.2}
    (said,) = sentences(tmp_path / "run", quality)
    assert said == "gamma 2 has the best MaxBoxAcc V1, significantly better than every other."


def test_values_that_are_not_significantly_worse_are_named_too(tmp_path: Path) -> None:
    quality = {"gradcam@stage3": -0.6, "gradcam@stage4": 0.0, "gradcam@stage5": 0.01}
    (said,) = sentences(tmp_path / "run", quality, seed=3)
    best, other = ("stage5", "stage4") if said.startswith("stage5") else ("stage4", "stage5")
    assert said == f"{best} has the best MaxBoxAcc V1, but not significantly better than {other}."


def test_differences_that_may_be_chance_are_called_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage4": 0.0, "gradcam@stage5": 0.02}, seed=5)
    summary = summarize(run, n_resamples=200)
    values = [c.value for c in summary.cells if c.metric == "maxboxacc"]
    text = printed(summary)
    moved = f"{abs(values[0] - values[1]):.1f}"
    assert f"the choice of layers moves MaxBoxAcc V1 by at most {moved} points, not significantly." in text


def test_of_several_series_those_with_a_difference_are_named(tmp_path: Path) -> None:
    quality = {
        "layercam@stage4[gamma=1]": -0.5, "layercam@stage4[gamma=2]": 0.1,
        "layercam@stage5[gamma=1]": 0.3, "layercam@stage5[gamma=2]": 0.3,
    }  # fmt: skip
    said = sentences(tmp_path / "run", quality)
    (gamma,) = (line for line in said if line.startswith("gamma"))
    assert gamma.endswith("(stage4), significantly in 1 of 2 series (stage4).")


def test_all_pairs_of_all_series_are_corrected_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quality = {f"layercam@{layer}[gamma={g}]": 0.1 * g for layer in ("stage4", "stage5") for g in (1, 2, 3)}
    summary = summarize(make_run(tmp_path / "run", quality), n_resamples=50)
    lines = lines_of([summary])
    gamma = next(s for s in ablations(lines, next(iter(lines[0].cells))) if s.option == "gamma")
    tested: list[int] = []

    def count(p: dict[object, float]) -> set[object]:
        tested.append(len(p))
        return set()

    monkeypatch.setattr("wsol.report.numbers.studies.significant", count)
    found = outcome(gamma)
    assert tested == [6]  # three pairs in each of two series
    assert found is not None
    assert found.differing == []


def test_a_table_of_different_methods_has_no_such_sentence(tmp_path: Path) -> None:
    quality = {"gradcam@stage5": 0.0, "layercam@stage4": 0.1, "layercam@stage5": 0.2}
    assert sentences(tmp_path / "run", quality) == []


@pytest.mark.parametrize("style", ["md", "html", "tex"])
def test_the_sentence_stands_in_every_format(tmp_path: Path, style: str) -> None:
    run = make_run(tmp_path / "run", {"gradcam@stage4": -0.5, "gradcam@stage5": 0.2})
    assert "stage5 has the best MaxBoxAcc V1, significantly better" in printed(summarize(run, n_resamples=200), style)
