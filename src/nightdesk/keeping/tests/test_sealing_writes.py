"""What PostgreSQL has handed out goes from the spool once it is sealed: a full disk, a kill or a second worker loses nothing."""

import errno
from pathlib import Path

import pytest

from nightdesk.keeping import moments

KEY = b"the key of these tests"
FIRST, SECOND = "000000010000000000000001", "000000010000000000000002"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    for name in (FIRST, SECOND):
        (folder / name).write_bytes(name.encode() * 1000)
    (folder / f"{FIRST}.00000028.backup").write_text("a note of PostgreSQL's")
    (folder / f".{SECOND}").write_bytes(b"half")
    return folder


def opened(backups: Path, name: str) -> bytes:
    with moments._opened(moments.folder_of(backups) / name, KEY) as plain:
        return plain.read()


def test_each_segment_is_sealed_and_then_gone_and_opens_as_it_was(spool: Path, tmp_path: Path) -> None:
    assert moments.seal_waiting(spool, tmp_path, KEY) == 3
    assert moments.segments_in(tmp_path) == sorted(moments.segments_in(tmp_path), key=[FIRST, SECOND].index)
    assert [opened(tmp_path, name) for name in (FIRST, SECOND)] == [FIRST.encode() * 1000, SECOND.encode() * 1000]
    assert [path.name for path in spool.iterdir()] == [f".{SECOND}"], "what is still being handed out is nobody's yet"
    assert b"00000001" not in (moments.folder_of(tmp_path) / FIRST).read_bytes()


def test_with_a_full_disk_what_is_not_sealed_stays_and_is_sealed_when_there_is_room(
    spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    with monkeypatch.context() as full:

        def no_room(_descriptor: int) -> None:
            named.extend(moments.segments_in(tmp_path))
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(moments.os, "fsync", no_room)
        with pytest.raises(OSError, match="No space left"):
            moments.seal_waiting(spool, tmp_path, KEY)
    assert {FIRST, SECOND} <= {path.name for path in spool.iterdir()}
    assert named + moments.segments_in(tmp_path) == [], "half of one never has its name"
    moments.seal_waiting(spool, tmp_path, KEY)
    assert opened(tmp_path, FIRST) == FIRST.encode() * 1000


def test_sealed_once_more_after_a_kill_it_is_the_same(spool: Path, tmp_path: Path) -> None:
    content = (spool / FIRST).read_bytes()
    moments.seal_waiting(spool, tmp_path, KEY)
    (spool / FIRST).write_bytes(content)  # killed before it was taken from the spool
    assert moments.seal_waiting(spool, tmp_path, KEY) == 1
    assert opened(tmp_path, FIRST) == content
