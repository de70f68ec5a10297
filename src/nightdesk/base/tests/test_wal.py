"""What PostgreSQL is told to do with each segment: it lies whole in the spool, or not at all, and one that is there stays."""

import os
import subprocess
from pathlib import Path

import pytest

from nightdesk.base import wal

SEGMENT = "000000010000000000000001"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "a spool's folder"
    folder.mkdir()
    return folder


def hand_out(spool: Path, segment: Path) -> int:
    """As PostgreSQL runs it: 0 tells it that the segment need not be kept."""
    command = wal.options(spool)["archive_command"]
    command = command.replace("%p", str(segment)).replace("%f", segment.name).replace("%%", "%")
    return subprocess.run(["sh", "-c", command], check=False, cwd=spool.parent).returncode


def test_a_segment_lies_whole_in_the_spool_and_what_is_there_already_stays(spool: Path, tmp_path: Path) -> None:
    segment = tmp_path / SEGMENT
    content = os.urandom(3 << 20)
    segment.write_bytes(content)
    assert hand_out(spool, segment) == 0
    assert {path.name: path.read_bytes() for path in spool.iterdir()} == {SEGMENT: content}
    segment.write_bytes(b"another one")
    assert hand_out(spool, segment) == 0
    assert (spool / SEGMENT).read_bytes() == content


def test_what_could_not_be_copied_whole_is_not_handed_out_and_postgresql_keeps_it(spool: Path, tmp_path: Path) -> None:
    (spool / f".{SEGMENT}").write_bytes(b"half of one, of a copier that was killed")
    assert hand_out(spool, tmp_path / SEGMENT) != 0
    assert not (spool / SEGMENT).exists()
