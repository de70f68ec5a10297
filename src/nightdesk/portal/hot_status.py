"""Public pages in the front's memory and in a folder: right within a second of a publication, and while the database is away.

Each web process looks four times a second whether anything that is public has changed, and renders the brands where it has.
With each file lies its late variant: what it says from the next instant at which it changes by itself, which the front
serves from then on without anybody's doing. Facts are kept, so that the instants after that are met without the database.

The same files are written below `NIGHTDESK_STATUS_DIR`: `BRAND/...` as they are now, `BRAND.late/...` as they will be from
the instant in `BRAND.late-from`, and what the next start serves until the database is there.
"""

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import close_old_connections

from nightdesk.access.models import Brand
from nightdesk.base import clock
from nightdesk.base.front import Front
from nightdesk.base.hot import HotBytes
from nightdesk.outages.published import PublishedPage, next_change
from nightdesk.outages.published_queries import hosts_of, marks, published_page
from nightdesk.portal.status_page import PageFile, files_of

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
CACHE = "public, max-age=5"
KEPT = "served.json"
"""In the folder: each brand's hosts and the kinds of its files, for a start without the database."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a brand's page stands: below `/status/SLUG/` everywhere, and at the root of each of `hosts`."""

    slug: str
    hosts: tuple[str, ...]

    def addresses(self, path: str) -> Iterable[tuple[str, str]]:
        """(host, path) of a file; "" for every host."""
        yield "", f"/status/{self.slug}/{path}"
        for host in self.hosts:
            yield host, f"/{path}"


@dataclass(frozen=True, slots=True)
class _Served:
    """What is in memory for a brand: its mark, where, of which facts (None: nothing is public), until when, which files."""

    mark: str
    place: Place | None = None
    page: PublishedPage | None = None
    until: datetime | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)


class HotStatus:
    """Keeps `hot` and `folder` (None: no files) as the database says. Not for more than one thread at a time."""

    def __init__(self, hot: HotBytes, folder: Path | None) -> None:
        self._hot, self._folder = hot, folder
        self._served: dict[int, _Served] = {}
        self._restored: list[_Served] = []

    def refresh(self, at: datetime) -> int:
        """Look, and render what has changed, or changes by itself; for how many brands. Raises django.db.Error."""
        rendered = self.pass_instants(at)
        now = marks()
        for brand_id in self._served.keys() - now.keys():
            self._drop(self._served.pop(brand_id), frozenset())
        for brand_id, mark in now.items():
            served = self._served.get(brand_id)
            if served is None or served.mark != mark:
                self._look_at(brand_id, mark, at)
                rendered += 1
        self._forget_restored()
        if rendered and self._folder is not None:
            _write_list(self._folder, self._served.values())
        return rendered

    def pass_instants(self, at: datetime) -> int:
        """Render anew, from the facts in memory, what has changed by itself by `at`; for how many brands. Asks nobody."""
        passed = 0
        for brand_id, served in self._served.items():
            if served.place and served.page and served.until is not None and at >= served.until:
                self._served[brand_id] = self._put(served.mark, served.place, served.page, at)
                passed += 1
        return passed

    def restore(self) -> int:
        """Serve what was written before the last stop, until something newer is known; how many files."""
        if self._folder is None or not (self._folder / KEPT).is_file():
            return 0
        count = 0
        for slug, known in json.loads((self._folder / KEPT).read_text()).items():
            place = Place(slug, tuple(known["hosts"]))
            now, late, late_from = _places(self._folder, slug)
            late_at = datetime.fromisoformat(late_from.read_text().strip()) if late_from.is_file() else None
            for path, kind in known["files"].items():
                file = PageFile(path, (now / on_disk(path)).read_bytes(), kind)
                _serve(self._hot, place, file, late_at, (late / on_disk(path)).read_bytes() if late_at else None)
                count += 1
            self._restored.append(_Served("", place, kinds=known["files"]))
        return count

    def _forget_restored(self) -> None:
        """What was served from the folder, and is nobody's now."""
        places = {served.place: served.kinds.keys() for served in self._served.values()}
        while self._restored:
            old = self._restored.pop()
            self._drop(old, places.get(old.place, frozenset()))

    def _look_at(self, brand_id: int, mark: str, at: datetime) -> None:
        before = self._served.get(brand_id)
        page = published_page(brand_id, at)
        if page is None:
            self._served[brand_id] = _Served(mark)
        else:
            brand = Brand.objects.select_related("outage_rules").get(pk=brand_id)
            place = Place(brand.slug, tuple(hosts_of(brand)))
            self._served[brand_id] = self._put(mark, place, page, at)
        if before is not None:
            after = self._served[brand_id]
            self._drop(before, after.kinds.keys() if after.place == before.place else frozenset())

    def _put(self, mark: str, place: Place, page: PublishedPage, at: datetime) -> _Served:
        until = next_change(page, at)
        subscribe = f"{settings.PUBLIC_URL}/status/{place.slug}/subscribe"
        now = files_of(page, at, subscribe_url=subscribe)
        # The same files in the same order; the first page is in memory before the archive is rendered.
        late: Iterable[PageFile | None] = files_of(page, until, subscribe_url=subscribe) if until else repeat(None)
        files: list[tuple[PageFile, bytes | None]] = []
        for file, then in zip(now, late, strict=False):
            body = then.body if then is not None else None
            _serve(self._hot, place, file, until, body)
            files.append((file, body))
        if self._folder is not None:
            _write(self._folder, place.slug, files, until)
        return _Served(mark, place, page, until, {file.path: file.content_type for file, _ in files})

    def _drop(self, served: _Served, kept: Collection[str]) -> None:
        """Forget the files of `served` but those that are `kept`."""
        if served.place is None:
            return
        for path in served.kinds.keys() - kept:
            for host, address in served.place.addresses(path):
                self._hot.drop(address, host=host)
        if self._folder is not None and not kept:
            now, late, late_from = _places(self._folder, served.place.slug)
            late_from.unlink(missing_ok=True)
            shutil.rmtree(now, ignore_errors=True)
            shutil.rmtree(late, ignore_errors=True)


async def keep_hot(front: Front) -> None:
    """Keep the front's pages right for as long as the process runs, through any absence of the database."""
    pages = HotStatus(front.hot, settings.STATUS_DIR)
    loop = asyncio.get_running_loop()
    # One thread of its own: one connection, and a page that is rendered keeps no request waiting for a thread.
    with ThreadPoolExecutor(1, thread_name_prefix="status") as thread:
        try:
            await loop.run_in_executor(thread, pages.restore)
        except (OSError, ValueError, KeyError) as problem:
            log.warning("The status pages that were written before cannot be read: %s", problem)
        while True:
            await loop.run_in_executor(thread, _look, pages)
            await asyncio.sleep(LOOK_EVERY_S)


def _look(pages: HotStatus) -> None:
    close_old_connections()
    at = clock.now()
    try:
        pages.refresh(at)
    except DatabaseFault as fault:
        log.warning("Status pages are not looked after just now: %s", " ".join(str(fault).split()))
        pages.pass_instants(at)
    except OSError as problem:
        log.error("Status pages cannot be written as files: %s", problem)


def on_disk(path: str) -> str:
    """Where a file lies in a folder that a plain web server can serve."""
    return f"{path}index.html" if not path or path.endswith("/") else path


def _serve(hot: HotBytes, place: Place, file: PageFile, late_at: datetime | None, late: bytes | None) -> None:
    for host, address in place.addresses(file.path):
        hot.put(
            address,
            file.body,
            host=host,
            content_type=file.content_type,
            cache_control=CACHE,
            headers=file.headers,
            late_at=late_at,
            late_body=late,
        )


def _places(folder: Path, slug: str) -> tuple[Path, Path, Path]:
    """A brand's files as they are now, as they will be, and since when."""
    return folder / slug, folder / f"{slug}.late", folder / f"{slug}.late-from"


def _write(folder: Path, slug: str, files: Iterable[tuple[PageFile, bytes | None]], until: datetime | None) -> None:
    now, late, late_from = _places(folder, slug)
    late_from.unlink(missing_ok=True)  # what is to come is not said until all of it lies there
    kept = set()
    for file, then in files:
        kept.add(on_disk(file.path))
        _replace(now / on_disk(file.path), file.body)
        if then is not None:
            _replace(late / on_disk(file.path), then)
    for tree in (now, late):
        for old in tree.rglob("*"):
            if old.is_file() and not old.name.startswith(".") and old.relative_to(tree).as_posix() not in kept:
                old.unlink(missing_ok=True)
    if until is not None:
        _replace(late_from, f"{until.isoformat()}\n".encode())


def _write_list(folder: Path, served: Iterable[_Served]) -> None:
    known = {each.place.slug: {"hosts": each.place.hosts, "files": each.kinds} for each in served if each.place}
    _replace(folder / KEPT, json.dumps(known).encode())


def _replace(file: Path, body: bytes) -> None:
    """Put `body` there at once for every reader; what is there already is left alone."""
    if file.is_file() and file.read_bytes() == body:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(body)
    draft.replace(file)
