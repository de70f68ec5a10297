"""Hot pages, without a server."""

import asyncio
import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.base.hot import HotBytes, send_page

AT = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)


def ask(hot: HotBytes, *headers: tuple[str, str], path: str = "/", host: str = "", method: str = "GET"):
    """Status, headers and body of one answer; None when the page is not hot."""
    page = hot.find(path, host)
    if page is None:
        return None
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(send_page(page, method, [(n.encode(), v.encode()) for n, v in headers], send))
    start, rest = sent
    return start["status"], {n.decode(): v.decode() for n, v in start["headers"]}, rest["body"]


@given(body=st.binary(max_size=2000), accept=st.sampled_from(["", "gzip", "br, GZIP;q=0.5", "*", "gzip;q=0, *"]))
def test_every_form_of_a_page_is_the_same_page_and_is_known_by_its_own_tag(body, accept):
    hot = HotBytes()
    hot.put("/", body)
    status, headers, sent = ask(hot, ("accept-encoding", accept))
    zipped = headers.get("content-encoding") == "gzip"
    assert (gzip.decompress(sent) if zipped else sent) == body
    assert (status, headers["content-length"]) == (200, str(len(sent)))
    assert not (zipped and accept in ("", "gzip;q=0, *"))
    again = ask(hot, ("accept-encoding", accept), ("if-none-match", f'"x", W/{headers["etag"]}'))
    assert (again[0], again[1]["etag"], again[2]) == (304, headers["etag"], b"")


def test_a_changed_page_is_sent_to_those_who_have_the_old_one():
    hot = HotBytes()
    hot.put("/", b"one")
    tag = ask(hot)[1]["etag"]
    hot.put("/", b"two")
    assert ask(hot, ("if-none-match", tag))[2] == b"two"


@pytest.mark.parametrize(
    ("host", "body"),
    [("a.example", b"a"), ("A.example:8443", b"a"), ("b.example", b"all"), ("", b"all"), ("[::1]:80", b"six")],
)
def test_a_page_belongs_to_its_host_or_to_every_other(host, body):
    hot = HotBytes()
    hot.put("/", b"a", host="a.Example")
    hot.put("/", b"six", host="[::1]")
    hot.put("/", b"all")
    assert ask(hot, host=host)[2] == body


def test_a_dropped_page_is_hot_no_longer():
    hot = HotBytes()
    hot.put("/", b"a", host="a")
    hot.drop("/", host="a")
    hot.drop("/never")
    assert ask(hot, host="a") is None


def test_the_late_variant_begins_exactly_at_its_instant():
    seconds = AT.timestamp() - 1
    hot = HotBytes(clock=lambda: seconds)
    hot.put("/", b"next update 04:30", late_at=AT, late_body=b"the update is late")
    before = ask(hot)
    assert before[2] == b"next update 04:30"
    seconds += 1
    after = ask(hot, ("if-none-match", before[1]["etag"]))
    assert (after[0], after[2]) == (200, b"the update is late")


@pytest.mark.parametrize(
    "late",
    [{"late_at": AT}, {"late_body": b"x"}, {"late_at": datetime(2026, 1, 1), "late_body": b"x"}],  # noqa: DTZ001
)
def test_half_a_late_variant_is_refused(late):
    with pytest.raises(ValueError, match="late_at"):
        HotBytes().put("/", b"", **late)
