"""Images in tar archives: what is no image, cut off, compressed or ambiguous is refused; listings are remembered."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tests.datasets.prepare.archives import drawn, special, tar, write
from tests.datasets.stored_images import FILES, store
from wsol.datasets import tars
from wsol.datasets.contents import content_digest
from wsol.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


def test_links_in_archives_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(drawn(9, "PNG"))
    hostile = {"a.png": special(tarfile.SYMTYPE, str(tmp_path / "secret.png")), "b.png": special(tarfile.LNKTYPE, "/x")}
    (tmp_path / "x.tar").write_bytes(tar({**FILES, **hostile}))
    place = store(tmp_path / "x.tar", tmp_path)
    with pytest.raises(DataError, match=r"2 of 3 images are missing.*first 'a.png'"):
        place.check(["5.png", "a.png", "b.png"])


def test_an_archive_that_is_cut_off_is_refused_wherever_the_cut_is(tmp_path: Path) -> None:
    whole = tar(FILES)
    with tarfile.open(fileobj=io.BytesIO(whole)) as opened:
        last = opened.getmembers()[-1]
    archive = tmp_path / "x.tar"
    for cut in (last.offset - 100, last.offset + 100, last.offset_data + 10):
        archive.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"x.tar can't be read as an uncompressed tar archive"):
            store(archive, tmp_path)
    archive.write_bytes(whole)
    place = store(archive, tmp_path)
    archive.write_bytes(whole[: last.offset_data + 10])  # during the run
    with pytest.raises(DataError, match=r"x.tar can't be read: it is cut off"):
        place.read(last.name)


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(tar(FILES, "w:gz"))
    with pytest.raises(DataError, match="as an uncompressed tar archive"):
        store(tmp_path / "x.tar.gz", tmp_path)


def test_an_archive_is_listed_once_and_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    listed_by = tars._listed
    monkeypatch.setattr(tars, "_listed", lambda archive: listed.append(archive) or listed_by(archive))
    monkeypatch.setattr("wsol.datasets.contents.SETTLED_NS", 0)  # what was written a moment ago counts as settled
    archive = tmp_path / "x.tar"
    for content, count in ((FILES, 1), ({"other.png": FILES["5.png"]}, 2)):
        archive.write_bytes(tar(content))
        for _ in range(2):
            place = store(archive, tmp_path)
            assert {*place.members} == {*content}
            assert place.digests(list(content)) == {n: content_digest(c) for n, c in content.items()}
        assert len(listed) == count


def test_a_name_in_two_archives_is_ambiguous(tmp_path: Path) -> None:
    write(tmp_path / "shards", {"0.tar": tar(FILES), "1.tar": tar({"5.png": FILES["4.png"]})})
    place = store(tmp_path / "shards", tmp_path)
    place.check(["4.png"])
    with pytest.raises(DataError, match=r"'5.png' is in two archives"):
        place.check(["5.png"])
