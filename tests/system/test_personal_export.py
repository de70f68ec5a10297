"""What is known of one person, asked for by API: the worker has it written, it is fetched as a zip, and it is erased."""

import io
import json
import urllib.request
import zipfile
from typing import Any

from tests.system.night import BO_PHONE, night
from tests.system.stack import Stack, until


def test_the_worker_writes_what_is_known_of_one_person_and_erases_it() -> None:
    with night() as here:
        token = here.stack.cli("token", "new", "export", "--scope", "admin").split()[-1]
        person = here.staged["people"][0]
        export = _ended(here.stack, "exports", token, {"of": f"person:{person}"})
        with zipfile.ZipFile(io.BytesIO(_ask(here.stack, f"exports/{export['id']}/zip", token))) as out:
            assert out.testzip() is None
            assert BO_PHONE in out.read("rows/people_contactmethod.json").decode()
        erasure = _ended(here.stack, "erasures", token, {"of": f"number:{BO_PHONE}"})
        assert erasure["of"] == ""


def _ended(running: Stack, what: str, token: str, of: dict[str, str]) -> dict[str, Any]:
    """What became of it, once a worker has done it."""
    key = json.loads(_ask(running, what, token, of))["id"]

    def ended() -> dict[str, Any] | None:
        row: dict[str, Any] = json.loads(_ask(running, f"{what}/{key}", token))
        return row if row["ended_at"] else None

    row: dict[str, Any] = until(ended, 120, f"a worker has done it ({what})")
    assert row["failure"] == ""
    return row


def _ask(running: Stack, path: str, token: str, body: dict[str, str] | None = None) -> bytes:
    asked = urllib.request.Request(
        f"{running.url}/api/v1/personal-data/{path}",
        json.dumps(body).encode() if body else None,
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return bytes(answer.read())
