"""What is read of the rows: bits of hits say what curves say, and columns that nobody asks for stay on the disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks.speed.made_up_rows import write
from tests.report.made_up import make_run
from tests.report.printing import printed
from wsol.report.numbers.reading import columns_of_numbers
from wsol.report.numbers.rows import curves_of, hits_of, packed_hits
from wsol.report.numbers.settings import Settings
from wsol.report.numbers.summary import summarize
from wsol.runs.arrays import chosen, codes_of, floats, integers, is_known, numpy_of, stretches_of, texts
from wsol.runs.folder import RunFolder
from wsol.runs.shards import Shard


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write(tmp_path_factory.mktemp("runs") / "run", images=230, variants=3, breaks=12)


def without_hits(run: RunFolder, place: Path) -> RunFolder:
    """The same rows as an earlier version wrote them."""
    other, about = RunFolder(place), run.about()
    for file in run.files():
        kept = [name for name in file.columns if not name.endswith("/hits")]
        shard = Shard(file.footer.shard, tuple(sorted(set(file.read(["image_id"])["image_id"].to_pylist()))))
        other.write(shard, file.read(kept), frozenset(file.footer.work), about)
    other.write_manifest(run.manifest)
    return other


def test_hits_say_what_curves_say(run: RunFolder, tmp_path: Path) -> None:
    about = run.about()
    for rows in run.tables().values():
        for protocol in about.protocols.values():
            for delta in protocol.hit_deltas:
                bits, curves = hits_of(rows, protocol, delta, ge=True), curves_of(rows, protocol).hits(delta)
                np.testing.assert_array_equal(bits.add(), curves.add())
                np.testing.assert_array_equal(bits.column(77), curves.column(77))
    old = summarize(without_hits(run, tmp_path / "old"), n_resamples=60)
    new = summarize(run, n_resamples=60)
    assert [(c.variant, c.metric, c.value, c.low, c.high, c.tau) for c in old.cells] == [
        (c.variant, c.metric, c.value, c.low, c.high, c.tau) for c in new.cells
    ]


def test_boxes_are_counted_whichever_file_of_the_rows_has_them(run: RunFolder, tmp_path: Path) -> None:
    """As where a metric or a protocol was added by a later command, or taken from another run."""
    other = RunFolder(tmp_path / "run")
    for file in run.files():
        rows = file.read(list(file.columns))
        for key in run.about().variants:
            own = rows.filter(pc.equal(rows["variant"], key))
            shard = Shard(file.footer.shard, tuple(own["image_id"].to_pylist()))
            for name, without in (("choe2020_v1", "choe2020_v2/"), ("choe2020_v2", "choe2020_v1/")):
                kept = own.select([column for column in own.column_names if not column.startswith(without)])
                other.write(shard, kept, frozenset({(key, name)}), run.about())
    other.write_manifest(run.manifest)
    order = [file.footer.work[0] for file in other.files()]
    assert any(order.index((key, "choe2020_v1")) < order.index((key, "choe2020_v2")) for key, _ in order)
    counted = [[c.value for c in summarize(f, n_resamples=5).cells if c.metric == "boxes"] for f in (run, other)]
    assert len(counted[0]) == 3
    assert counted[0] == counted[1]


def test_curves_and_boxes_stay_on_the_disk(run: RunFolder, tmp_path: Path) -> None:
    about = run.about()
    read = columns_of_numbers(about, run.files(), about.quantities, sliced=False, classes=False)
    names = {name for name in run.files()[0].columns if read(name)}
    assert {"image_id", "rank", "choe2020_v1/hits", "choe2020_v2/hits", "ms"} <= names
    assert not {n for n in names if n.endswith(("/iou", "/breaks", "/count", "/boxes", "status", "gt_boxes"))}
    old = without_hits(run, tmp_path / "old")
    assert columns_of_numbers(about, old.files(), about.quantities, sliced=False, classes=False)("choe2020_v1/iou")
    cut = columns_of_numbers(about, run.files(), about.quantities, sliced=True, classes=True)
    assert all(map(cut, ("gt_boxes", "width", "height", "top")))


def test_the_usual_table_is_the_same_without_its_other_numbers(tmp_path: Path) -> None:
    quality = {"gradcam@stage5": 0.0, "layercam@stage5": 0.05, "cam@stage4": -0.1, "fullbox": -0.6}
    made = make_run(tmp_path / "run", quality, protocols=("choe2020_v1", "choe2020_v2", "gradcam2017"), rise=True)
    whole, main = (summarize(made, settings=Settings(n_resamples=60, main=main)) for main in (False, True))
    assert printed(whole) == printed(main)
    assert {c.metric for c in main.cells} < {c.metric for c in whole.cells}


def test_the_best_of_several_is_named_as_chosen_on_these_images(tmp_path: Path) -> None:
    quality = {f"gradcam@stage{n}": 0.001 * n for n in range(5)} | {"fullbox": 0.3}
    text = printed(summarize(make_run(tmp_path / "run", quality, n=40), n_resamples=200))
    assert "§ best of 5, chosen on these images: its interval allows for that" in text
    assert text.count("§") == 2
    alone = printed(summarize(make_run(tmp_path / "one", {"gradcam@stage5": 0.0, "fullbox": -0.3}), n_resamples=50))
    assert "§" not in alone


def test_a_table_says_what_the_choice_of_the_threshold_adds(run: RunFolder) -> None:
    text = printed(summarize(run, n_resamples=100))
    assert "points to MaxBoxAccV2 (choe2020_v2) at n = 230 (bootstrap); --tau split-half chooses it on others." in text


def test_columns_become_arrays_by_their_buffers() -> None:
    table = pa.table(
        {
            "number": pa.array([1.5, None, 3.0, 4.0, 5.0]),
            "whole": pa.array([1, 2, 3, 4, 5], pa.int32()),
            "bit": pa.array([True, False, None, True, True]),
            "text": pa.array(["a", "b", None, "a", "é"]),
            "none": pa.nulls(5),
        }
    )
    for part, keep in ((table, slice(0, 5)), (table.slice(1, 3), slice(1, 4))):
        np.testing.assert_array_equal(numpy_of(part["number"]), np.array([1.5, np.nan, 3, 4, 5])[keep])
        np.testing.assert_array_equal(numpy_of(part["whole"]), np.array([1, 2, 3, 4, 5])[keep])
        np.testing.assert_array_equal(numpy_of(part["bit"]), np.array([1, 0, np.nan, 1, 1])[keep])
        assert np.isnan(numpy_of(part["none"])).all()
        assert is_known(part["text"]).tolist() == [True, True, False, True, True][keep]
        names, codes = codes_of(part["text"])
        assert [names[c] if c >= 0 else None for c in codes] == ["a", "b", None, "a", "é"][keep]
    kept = chosen(table, np.array([False, True, False, True, True]))
    assert kept["whole"].to_pylist() == [2, 4, 5]
    assert texts(["a", "", "é"]).to_pylist() == ["a", "", "é"]
    assert (integers([3, 1]).to_pylist(), floats(np.array([0.5])).to_pylist()) == ([3, 1], [0.5])
    assert codes_of(table["none"])[1].tolist() == [-1] * 5


def test_stretches_of_equal_texts_begin_where_the_text_changes() -> None:
    column = pa.chunked_array([["a", "a", "b"], ["b", "a", None, None]])
    keys, ends = stretches_of(column)
    assert (keys[:3], ends.tolist()[:4]) == (["a", "b", "a"], [0, 2, 4, 5])
    assert ends[-1] == 7
    assert stretches_of(column.slice(1, 3))[1].tolist() == [0, 1, 3]
    assert stretches_of(column.slice(0, 0)) == ([], [0])


def test_a_table_waits_for_no_library_that_it_does_not_need(run: RunFolder) -> None:
    """pandas comes with some of pyarrow's conversions, rich with terminals: a third of a second."""
    code = (
        "import sys\n"
        "from wsol.cli import main\n"
        "assert main(['table', sys.argv[1], '--resamples', '20']) == 0\n"
        "assert not {'torch', 'pandas', 'rich', 'numba', 'hydra'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Boxes V2" in done.stdout.splitlines()[0]


def test_what_is_not_known_is_null_and_nan_is_not() -> None:
    column = floats(np.array([1.0, np.nan, np.nan]), known=np.array([True, False, True]))
    assert column.is_valid().to_pylist() == [True, False, True]
    assert column.null_count == 1


def test_bits_of_hits_stay_in_the_pieces_they_were_read_in_and_say_the_same(run: RunFolder) -> None:
    for rows in run.tables().values():
        pieces = {name: rows[name].num_chunks for name in rows.column_names}
        assert {count for name, count in pieces.items() if not name.endswith("/hits")} == {1}
        assert pieces["choe2020_v1/hits"] == 2
        for protocol in run.about().protocols.values():
            whole = packed_hits(rows.combine_chunks(), protocol)
            np.testing.assert_array_equal(packed_hits(rows, protocol), whole)
            np.testing.assert_array_equal(packed_hits(rows.slice(150, 70), protocol, 31, 64), whole[150:220, 31:64])
