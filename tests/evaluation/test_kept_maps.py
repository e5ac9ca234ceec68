"""Maps that a run keeps answer later questions without the network, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluation.small import checksums, made, ran
from tests.evaluation.small import rows as unordered_rows
from wsol.evaluation.batches import is_complete
from wsol.evaluation.experiment import Experiment
from wsol.evaluation.kept import KeptMaps, unkept, view_key
from wsol.evaluation.shard import evaluate
from wsol.maps.network import NetworkMaps
from wsol.methods._base import methods
from wsol.runs import kept
from wsol.runs.folder import RunFolder

PLAIN = (
    "dataset.n=6",
    "model.weights=random",
    "method=[fullbox,gradcam,randomcam]",
    "methods.randomcam.sample=3",
    "engine.batch_size=2",
    "engine.shard_size=4",
)
FIRST = (*PLAIN, "protocol=[choe2020_v1]")
LATER = (*PLAIN, "protocol=[choe2020_v1,exact,choe2020_v2]", "metric=[pointing,error_types]")
CROPPED = (*PLAIN, "protocol=[choe2020_v1,psol2020]")


def rows(folder: RunFolder) -> dict[str, dict[str, list[Any]]]:
    """By variant key, all columns but the measured ones, by name: those of several files stand in another order.

    Without the digest of masks, which the first of several files has only if it read them.
    """
    return {
        key: {name: table[name].to_pylist() for name in table.column_names if name != "mask_digest"}
        for key, table in unordered_rows(folder).items()
    }


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many images each batch has that goes through the network from now on."""
    calls: list[int] = []
    original = NetworkMaps.maps

    def counted(self: NetworkMaps, loaded: Any, *args: Any) -> Any:
        calls.append(len(loaded))
        return original(self, loaded, *args)

    monkeypatch.setattr(NetworkMaps, "maps", counted)
    return calls


@pytest.fixture(scope="module")
def keeping() -> Experiment:
    return made(*FIRST, "maps=keep")


@pytest.fixture(scope="module")
def run(keeping: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return ran(keeping, tmp_path_factory.mktemp("kept"))


def test_keeping_maps_changes_no_row(run: RunFolder, tmp_path: Path) -> None:
    plain = ran(made(*FIRST), tmp_path)
    assert plain.name == run.name
    assert checksums(plain) == checksums(run)


def test_later_protocols_and_metrics_need_no_network_and_have_the_rows_of_a_fresh_run(
    keeping: Experiment, tmp_path: Path, network: list[int]
) -> None:
    folder = ran(keeping, tmp_path / "kept")
    network.clear()
    later = made(*LATER)
    ran(later, tmp_path / "kept")
    assert network == []
    fresh = ran(later, tmp_path / "fresh")
    assert network != []
    assert rows(folder) == rows(fresh)
    assert all(is_complete(later, shard, folder) for shard in later.shards)


@pytest.mark.full
def test_a_metric_that_asks_the_network_and_a_view_without_maps_go_through_it(
    keeping: Experiment, tmp_path: Path, network: list[int]
) -> None:
    folder = ran(keeping, tmp_path / "kept")
    for words in ((*FIRST, "metric=[rise2018_dataset]"), CROPPED):
        network.clear()
        ran(made(*words), tmp_path / "kept")
        assert network != []
    fresh = ran(made(*CROPPED), tmp_path / "fresh")
    there = rows(folder)
    for key, columns in rows(fresh).items():
        assert {name: there[key][name] for name in columns} == columns


@pytest.mark.full
def test_maps_under_a_protocols_own_view_are_kept_too(tmp_path: Path, network: list[int]) -> None:
    folder = ran(made(*CROPPED, "maps=keep"), tmp_path / "kept")
    network.clear()
    later = made(*PLAIN, "protocol=[choe2020_v1,psol2020,psol2020[tau=0.3]]")
    ran(later, tmp_path / "kept")
    assert network == []
    assert rows(folder) == rows(ran(later, tmp_path / "fresh"))


@pytest.mark.full
def test_maps_are_kept_of_a_run_that_was_complete_without(keeping: Experiment, tmp_path: Path) -> None:
    folder = ran(made(*FIRST), tmp_path)
    before = checksums(folder)
    assert not kept.has_any(folder.path)
    assert not is_complete(keeping, keeping.shards[0], folder)
    ran(keeping, tmp_path)
    assert is_complete(keeping, keeping.shards[0], folder)
    assert checksums(folder) == before
    assert not any(unkept(keeping, shard, folder.path) for shard in keeping.shards)


def test_a_stopped_run_keeps_the_maps_of_its_rows(
    keeping: Experiment, run: RunFolder, tmp_path: Path, network: list[int]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    folder = RunFolder(tmp_path / keeping.folder_name)
    with pytest.raises(KeyboardInterrupt):
        evaluate(keeping, keeping.shards, folder, on_batch=stop)
    done = sum(network)
    ran(keeping, tmp_path)
    assert sum(network) == len(keeping.samples) + max(0, done - 2)  # what was computed behind the stop is lost
    assert checksums(folder) == checksums(run)


def test_damaged_maps_are_named_and_the_network_gives_them_again(
    keeping: Experiment,
    run: RunFolder,
    tmp_path: Path,
    network: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("wsol.evaluation.shard.EVERY_SECONDS", 600.0)  # one file of maps for each shard
    folder = ran(keeping, tmp_path / "kept")
    first, second = sorted((folder.path / kept.NAME).iterdir())
    content = bytearray(first.read_bytes())
    content[-10] ^= 1
    first.write_bytes(bytes(content))
    second.write_bytes(second.read_bytes()[:-100])
    network.clear()
    later = made(*LATER)
    ran(later, tmp_path / "kept")
    assert sum(network) == len(keeping.samples)
    assert f"{first} is damaged and left out" in caplog.text
    assert f"{second} is damaged and left out" in caplog.text
    assert rows(folder) == rows(ran(later, tmp_path / "fresh"))


@pytest.mark.full
def test_rounded_maps_are_not_taken_for_the_networks_own(tmp_path: Path, network: list[int]) -> None:
    folder = ran(made(*FIRST, "maps=keep16"), tmp_path)
    network.clear()
    ran(made(*LATER), tmp_path)
    assert sum(network) == 6
    exact = made(*FIRST, "maps=keep")
    ran(exact, tmp_path)
    assert not any(unkept(exact, shard, folder.path) for shard in exact.shards)


def test_kept_maps_are_at_the_resolution_of_their_layer(keeping: Experiment, run: RunFolder) -> None:
    index = kept.read(run.path, 0)
    view, image = view_key(keeping.view), keeping.shards[0].image_ids[0]
    (of_image,) = index[view, "gradcam@stage5", image].maps
    assert of_image.shape == (16, 16)
    assert of_image.dtype == np.float32
    assert index[view, "", image].values.shape == (keeping.classifier.num_classes,)  # type: ignore[union-attr]
    source = KeptMaps(run.path, keeping.dataset, keeping.shard_of)
    samples = [keeping.samples[i] for i in keeping.shards[0].image_ids]
    gradcam = [v for v in keeping.variants if v.key == "gradcam@stage5"]
    assert source.covers(samples, keeping.view, gradcam)
    sampled = [v for v in keeping.variants if v.key.startswith("randomcam")]
    assert not source.covers(samples, keeping.view, sampled)  # of three images


STAGES = ("stage3", "stage4", "stage5")
KEEPING = (*PLAIN[:2], "method=[layercam]", "methods.layercam.layers=[stage3-5]", *PLAIN[4:], "protocol=[choe2020_v1]")
OTHERS = (
    *KEEPING[:2],
    "method=[layercam]",
    "methods.layercam.layers=[stage3,stage5,stage3-5,stage4+5]",
    "methods.layercam.gamma=[null,2]",
    "methods.layercam.fuse=[max,product]",
    *PLAIN[4:],
    "protocol=[choe2020_v1[tau=otsu],exact]",
    "metric=[pointing,seed_miou]",
    "gallery=3",
)


def same(folder: RunFolder, fresh: RunFolder) -> bool:
    """Whether one run has all rows of another one."""
    there = rows(folder)
    return all({name: there[key][name] for name in columns} == columns for key, columns in rows(fresh).items())


def test_other_gammas_and_fusions_are_made_of_the_layers_that_are_kept(tmp_path: Path, network: list[int]) -> None:
    """Also single layers alone, and the pictures of the gallery."""
    keeping = made(*KEEPING, "maps=keep")
    folder = ran(keeping, tmp_path / "kept")
    index = kept.read(folder.path, 0)
    assert {variant for _, variant, _ in index} == {"", *(f"layercam@{stage}" for stage in STAGES)}
    network.clear()
    others = made(*OTHERS)
    assert len(others.variants) == 14
    ran(others, tmp_path / "kept")
    assert network == []
    fresh = ran(others, tmp_path / "fresh")
    assert network != []
    assert same(folder, fresh)
    shown = [{file.name: file.read_bytes() for file in (one.path / "gallery").iterdir()} for one in (folder, fresh)]
    assert shown[0] == shown[1] != {}
    assert not any(unkept(keeping, shard, folder.path) for shard in keeping.shards)


CUT = "protocol=[choe2020_v1[refine=grabcut_shallow,tau=0.15]]"


def test_shallow_layers_that_are_kept_are_cut_by_their_graph(tmp_path: Path, network: list[int]) -> None:
    """The images are opened for it, and the network is not."""
    words = ("dataset.n=3", "model=shapes_vgg", "model.weights=random")
    folder = ran(made(*words, "method=[layercam@stage1+2]", "protocol=[choe2020_v1]", "maps=keep"), tmp_path / "kept")
    network.clear()
    later = made(*words, "method=[layercam@stage1+2[gamma=3],layercam@stage1]", CUT)
    ran(later, tmp_path / "kept")
    assert network == []
    assert same(folder, ran(later, tmp_path / "fresh"))


FUSED = [key for key, cls in methods.items() if not cls.info.joint and cls.info.layers != "input"]


@pytest.mark.full
@pytest.mark.parametrize("key", [k for k in FUSED if not methods[k].info.needs & {"branches", "attention", "head"}])
def test_every_method_is_fused_of_kept_layers_to_the_bit(key: str, tmp_path: Path, network: list[int]) -> None:
    """Where its passes per image are no whole number, the network is asked."""
    quick = [f"methods.{key}.{name}={value}" for name, value in methods[key].info.quick.items()]
    plain = ("dataset.n=2", "protocol=[choe2020_v1]", f"method=[{key}]", f"methods.{key}.layers=stage4+stage5", *quick)
    folder = ran(made(*plain, "maps=keep"), tmp_path / "kept")
    later = made(*plain, f"methods.{key}.gamma=3", f"methods.{key}.scale=all")
    network.clear()
    ran(later, tmp_path / "kept")
    counts = [entry.counted for (_, variant, _), entry in kept.read(folder.path, 0).items() if variant]
    assert bool(network) == any(not count.is_integer() for of in counts for count in of)
    assert same(folder, ran(later, tmp_path / "fresh"))


@pytest.mark.full
def test_maps_of_crops_of_several_sizes_are_kept(tmp_path: Path, network: list[int]) -> None:
    words = ("dataset.n=3", "view=multiscale", "protocol=[choe2020_v1]")
    folder = ran(made(*words, "method=[layercam@stage4+5]", "maps=keep"), tmp_path / "kept")
    network.clear()
    later = made(*words, "method=[layercam@stage4+5[fuse=mean,gamma=2,scale=all]]")
    ran(later, tmp_path / "kept")
    assert network == []
    assert same(folder, ran(later, tmp_path / "fresh"))
