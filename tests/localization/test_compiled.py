"""What numba keeps on disk."""

from __future__ import annotations

from pathlib import Path

from wsol.localization import compiled, sweep


def test_a_change_of_any_file_of_the_room_compiles_its_loops_again() -> None:
    _, room = sweep.sweep_maps._cache._cache_file._source_stamp  # type: ignore[attr-defined]
    assert [name for name, *_ in room] == sorted(file.name for file in Path(compiled.__file__).parent.glob("*.py"))
