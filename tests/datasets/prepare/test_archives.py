"""Every kind of archive gives the same files; what is damaged or would harm is refused, and nothing is written."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.datasets.prepare.archives import drawn, special, tar, tree, write, zipped
from tests.datasets.prepare.conftest import FILES, PLACED, Prepare
from wsol.datasets.prepare import _archives, _limits
from wsol.errors import DataError

PREFIXED = {f"./drawn_v1/{name}": content for name, content in FILES.items()}


@pytest.mark.parametrize(
    "files",
    [
        {"drawn.tar": tar(FILES)},
        {"drawn.tgz": tar(FILES, "w:gz")},
        {"drawn.tar.gz": tar(FILES)},  # a browser unpacked it and left its name
        {"drawn.tar.bz2": tar(FILES, "w:bz2")},
        {"drawn.tar.xz": tar(FILES, "w:xz")},
        {"drawn.zip": zipped(FILES)},
        {"drawn.tar": tar(PREFIXED)},
        {"all.zip": zipped({"part/drawn.tgz": tar(FILES, "w:gz"), "train_1.tar": b"never read"})},
        {"all.tgz": tar({"drawn.zip": zipped(FILES)}, "w:gz")},
        {"all.tar": tar({"images.tar": tar({f"{n}.jpg": drawn(n) for n in range(5)}), "list.txt": b"five\n"})},
        {"images.tar": tar({f"images/{n}.jpg": drawn(n) for n in range(5)}), "list.txt": b"five\n"},
        {"a.tar": tar(FILES), "b.zip": zipped(FILES), "train_images.tar": b"never read"},
        FILES,
    ],
    ids=lambda files: "+".join(files)[:40],
)
def test_every_kind_of_archive_gives_the_same_files(files: dict[str, bytes], tmp_path: Path, prepare: Prepare) -> None:
    source = write(tmp_path / "src", files)
    parts = prepare(source)
    assert tree(tmp_path / "dst") == PLACED
    assert [(part.part, part.files, part.written, part.missing) for part in parts] == [
        ("images", 5, 5, 0),
        ("list", 1, 1, 0),
    ]
    assert tree(source) == files


def test_an_archive_by_itself_and_a_folder_inside_the_data_set_will_do(tmp_path: Path, prepare: Prepare) -> None:
    source = write(tmp_path / "src", {"drawn.tar": tar(FILES), **FILES})
    prepare(source / "drawn.tar")
    assert tree(tmp_path / "dst") == PLACED
    (part, _) = prepare(source / "images")
    assert (part.files, part.written) == (5, 0)


BAD = {
    "leads out of its folder; such an archive is refused": [
        ("a.tar", tar({"../list.txt": b""})),
        ("a.tar", tar({"images/../../x": b""})),
        ("a.tar", tar({"/etc/list.txt": b""})),
        ("a.tar", tar({"images\\..\\..\\x": b""})),
        ("a.zip", zipped({"../list.txt": b""})),
        ("a.zip", zipped({"C:/list.txt": b""})),
        ("a.zip", zipped({"inner.tar": tar({"../../list.txt": b""})})),
        ("a.tar", tar({"images/0.jpg": special(tarfile.SYMTYPE, "../../etc/passwd")})),
        ("a.tar", tar({"images/0.jpg": special(tarfile.SYMTYPE, "/etc/passwd")})),
        ("a.tar", tar({"images/0.jpg": special(tarfile.LNKTYPE, "../passwd")})),
    ],
    "holds the device or pipe 'images/0.jpg'": [
        ("a.tar", tar({"images/0.jpg": special(tarfile.CHRTYPE)})),
        ("a.tar", tar({"images/0.jpg": special(tarfile.FIFOTYPE)})),
    ],
    "holds the sparse file 'images/0.jpg'": [("a.tar", tar({"images/0.jpg": special(tarfile.GNUTYPE_SPARSE)}))],
    "is damaged or was not downloaded to its end": [
        ("a.tar", tar({"images/0.jpg": drawn(0)})[:700]),
        ("a.tgz", tar(FILES, "w:gz")[:-30]),
        ("a.zip", zipped(FILES)[:-30]),
        ("a.zip", b"not a zip file at all"),
    ],
    "is a web page, not an archive": [("a.zip", b"<!DOCTYPE html>"), ("a.tar", b"\n<html>")],
    "is not a tar archive; it begins with b'hello '": [("a.tar", b"hello world" * 100)],
    "a.tar is an empty file": [("a.tar", b"")],
    "is nested 4 archives deep": [("a.tar", tar({"b.tar": tar({"c.tar": tar({"d.tar": tar(FILES)})})}))],
    "holds 'images/0.jpg' twice, with different sizes": [
        ("a.tar", tar({"images/0.jpg": b"1", "./images/0.jpg": b"22"}))
    ],
    "holds nothing of drawn: expected drawn.tar, list.zip": [("a.tar", tar({"images/readme.md": b""}))],
    "hold different files for images/0.jpg (1 and 2 bytes)": [
        ("a.tar", tar({"b/images/0.jpg": b"1", "c/images/0.jpg": b"22"}))
    ],
}


@pytest.mark.parametrize(  # archives hold the time at which they were made, which an id must not
    ("sentence", "name", "content"),
    [pytest.param(s, *case, id=f"{s}-{case[0]}") for s, cases in BAD.items() for case in cases],
)
def test_what_would_harm_or_is_damaged_is_refused(
    sentence: str, name: str, content: bytes, tmp_path: Path, prepare: Prepare
) -> None:
    source = write(tmp_path / "src", {name: content})
    with pytest.raises(DataError) as error:
        prepare(source)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "dst").exists()
    assert tree(source) == {name: content}


def test_links_inside_the_tree_are_passed_over_and_counted(tmp_path: Path, prepare: Prepare) -> None:
    links = {"images/5.jpg": special(tarfile.SYMTYPE, "../images/0.jpg"), "x": special(tarfile.LNKTYPE, "images/0.jpg")}
    source = write(tmp_path / "src", {"a.tar": tar({**FILES, **links})})
    assert [part.files for part in prepare(source)] == [5, 1]
    assert not (tmp_path / "dst/images/5.jpg").exists()


def test_a_link_in_a_zip_file_is_checked_too(tmp_path: Path, prepare: Prepare) -> None:
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as archive:
        link = zipfile.ZipInfo("images/0.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../../etc/passwd")
    with pytest.raises(DataError, match=r"the link 'images/0.jpg' to '../../etc/passwd', which leads out"):
        prepare(source)


def test_an_encrypted_zip_file_is_refused(tmp_path: Path, prepare: Prepare) -> None:
    content = bytearray(zipped({"list.txt": b"x"}, packed=False))
    content[6] |= 1  # of the member's own header, and of the directory's
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DataError, match=r"a.zip is encrypted, first 'list.txt'; unpack it yourself"):
        prepare(write(tmp_path, {"a.zip": bytes(content)}) / "a.zip")


@pytest.mark.parametrize(
    "bomb",
    [
        zipped({"list.txt": bytes(200_000)}),
        zipped({f"{n}.bin": bytes(20_000) for n in range(10)}),
        zipped({"inner.zip": zipped({"list.txt": bytes(200_000)})}),
        gzip.compress(tar({"list.txt": b"five\n"}) + bytes(400_000)),  # behind the end of the archive
        tar({"x" * 300_000: b""}, "w:gz"),  # in the header of a member
    ],
    ids=["one member", "ten members", "an archive within", "behind the end", "in a header"],
)
def test_a_bomb_is_refused_by_the_sizes_it_declares(
    bomb: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Prepare
) -> None:
    monkeypatch.setattr(_limits, "SMALL", 1000)
    monkeypatch.setattr(_limits, "RATIO", 40)
    name = "a.zip" if bomb.startswith(b"PK") else "a.tgz"
    with pytest.raises(DataError, match="unpacks to more than 40 times its size; such an archive is refused as a bomb"):
        prepare(write(tmp_path, {name: bomb}) / name)
    assert not (tmp_path / "dst").exists()


def test_an_archive_of_too_many_members_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Prepare
) -> None:
    monkeypatch.setattr(_limits, "MOST_MEMBERS", len(FILES) - 1)
    with pytest.raises(DataError, match=r"a.tar has more than 6 members; unpack it yourself"):
        prepare(write(tmp_path, {"a.tar": tar(FILES)}) / "a.tar")


def test_a_member_of_another_size_than_it_declares_is_not_moved_to_its_place(tmp_path: Path, prepare: Prepare) -> None:
    content = zipped({"list.txt": b"five\n"}, packed=False)
    longer = content.replace((5).to_bytes(4, "little"), (4).to_bytes(4, "little"))
    assert longer != content
    with pytest.raises(DataError, match="is damaged"):
        prepare(write(tmp_path, {"a.zip": longer}) / "a.zip")
    assert not (tmp_path / "dst/lists").exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    reading = _archives.members(tmp_path / "a.tar", _limits.Budget("a.tar", 9, 9, 9), skips=bool, spool=tmp_path)
    with pytest.raises(DataError, match=r"^a.tar can't be read: No such file or directory$"):
        next(reading)
