"""Images and masks in tar archives under the names that annotations give them, whatever archive each is in."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from wsol.datasets.contents import content_digest, key_of, remember, remembered, settled, verifying
from wsol.datasets.fields import short
from wsol.datasets.listing import is_image
from wsol.datasets.stores.base import IMAGES, READERS, FileKind, ImageStore, check_listed
from wsol.datasets.stores.remote_path import AnyPath, RemotePath
from wsol.datasets.tars import Member, bytes_of, members_of
from wsol.errors import DataError

ARCHIVE = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")  # the compressed ones are refused by name


def archives_at(path: AnyPath) -> list[AnyPath]:
    """The archive at a path, or those in a folder that has neither folders nor images beside them; empty for others."""
    if isinstance(path, RemotePath):
        return _archives_below(path)
    try:
        if not path.is_dir():
            return [path] if path.is_file() and path.name.endswith(ARCHIVE) else []
        found = []
        with os.scandir(path) as entries:
            for entry in entries:
                if is_image(entry.name) or entry.is_dir():  # mostly the first one, so that large folders cost nothing
                    return []
                if entry.name.endswith(".tar"):
                    found.append(entry.name)
    except (OSError, ValueError):
        return []
    return [path / name for name in sorted(found)]


def _archives_below(path: RemotePath) -> list[AnyPath]:
    """As `archives_at`; empty, too, where the server does not list the folder."""
    if path.name.endswith(ARCHIVE):
        return [path] if path.store.has(path.inside) else []
    try:
        inside = path.listing()
    except DataError:
        return []
    found: list[AnyPath] = [path / name for name in inside.files if name.endswith(".tar")]
    return [] if inside.folders or inside.images else found


class TarStore(ImageStore):
    """The files of some archives. Nothing is unpacked: members are read in place, and links do not count as members.

    A member's name in an archive is the file's, but for a leading ``./``; of a name that an archive has twice, the
    later member counts, as for tar. Raises DataError for an archive that can't be read or is cut off.
    """

    def __init__(self, where: str, archives: Sequence[AnyPath], *, kind: FileKind = IMAGES) -> None:
        self.where, self.kind = where, kind
        self.members: dict[str, Member] = {}
        self.twice: dict[str, AnyPath] = {}
        again = verifying()  # threads don't know
        with ThreadPoolExecutor(READERS) as pool:
            listed = pool.map(lambda archive: members_of(archive, again=again), archives)
            for archive, members in zip(archives, listed, strict=True):
                own = {name.removeprefix("./"): member for name, member in members.items()}
                self.twice |= dict.fromkeys(own.keys() & self.members.keys(), archive)
                self.members |= own

    def check(self, names: Collection[str]) -> None:
        check_listed(names, self.members, self.where, self.kind)
        if name := next((name for name in names if name in self.twice), None):
            what, option = self.kind.what, self.kind.option
            raise DataError(f"{what} {short(name)} is in two archives of {option}={self.where}; leave one out")

    def place(self, name: str) -> str:
        member = self.members.get(name)
        return f"{self.where if member is None else member.archive}/{name}"

    def read(self, name: str) -> bytes:
        if name not in self.members:
            raise DataError(f"{self.kind.what} {short(name)} is missing: no archive of {self.where} has it")
        return bytes_of(self.members[name])

    def digests(self, names: Sequence[str], *, lost: str | None = None) -> dict[str, str]:
        states = {archive: key_of(archive) for archive in {m.archive for m in self.members.values()}}
        keys = {}
        for name in dict.fromkeys(names):
            state = states[self.members[name].archive]
            keys[name] = (f"{state[0] if state else ''}/{name}", state[1] if state else "")
        known = {} if verifying() else remembered("contents", list(keys.values()))
        unread = [name for name, key in keys.items() if key not in known]
        with ThreadPoolExecutor(READERS) as pool:
            new = dict(zip(unread, pool.map(lambda name: content_digest(self.read(name)), unread), strict=True))
        remember("contents", {keys[name]: digest for name, digest in new.items() if _settled(keys[name])})
        return {name: new[name] if name in new else known[key] for name, key in keys.items()}


def _settled(key: tuple[str, str]) -> bool:
    return bool(key[1]) and settled(key)
