"""A web server that lists its folders, and fsspec's way to ask one, also where aiohttp is not installed."""

from __future__ import annotations

import functools
import http.server
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fsspec
from fsspec.registry import _registry
from fsspec.spec import AbstractFileSystem

LINK = re.compile(r"""<a\s[^>]*href=["'](?P<url>[^"']+)["']""", re.IGNORECASE)


class Web(AbstractFileSystem):
    """What `fsspec.implementations.http` answers, by urllib."""

    protocol = ("http", "https")
    cachable = False

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return path

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        with self._answer(path, "HEAD") as answer:
            size, changed = answer.headers["Content-Length"], answer.headers["Last-Modified"]
        return {"name": path, "size": size and int(size), "type": "file", "Last-Modified": changed}

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        part = {} if start is None or end is None else {"Range": f"bytes={start}-{end - 1}"}
        with self._answer(path, "GET", part) as answer:
            content: bytes = answer.read()
        return content

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        assert detail
        with self._answer(path, "GET") as answer:
            text = answer.read().decode(errors="ignore") if "text/html" in answer.headers["Content-Type"] else ""
        base = path.rstrip("/")
        links = {link if link.startswith("http") else f"{base}/{link.lstrip('/')}" for link in LINK.findall(text)}
        inside = [link for link in links if link.startswith(f"{base}/")]
        return [{"name": u, "size": None, "type": "directory" if u.endswith("/") else "file"} for u in inside]

    def _answer(self, path: str, method: str, headers: Mapping[str, str] | None = None) -> Any:
        try:
            asked = urllib.request.Request(path, headers=dict(headers or {}), method=method)
            return urllib.request.urlopen(asked, timeout=10)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(path) from error
            raise OSError(f"{error.code}, message={error.reason!r}") from error


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Python's own server, without a line per request, that gives parts of files."""

    ranges = True

    def do_GET(self) -> None:
        part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if part is None or not self.ranges:
            super().do_GET()
            return
        start, end = int(part[1]), int(part[2]) + 1
        content = Path(self.translate_path(self.path)).read_bytes()[start:end]
        self.send_response(206)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a folder, as long as the block runs."""
    registered = find_spec("aiohttp") is None
    if registered:
        fsspec.register_implementation("http", Web, clobber=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        if registered:
            _registry.pop("http")
