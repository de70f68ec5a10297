"""What is known of one person, asked for by API: the worker has it written, and it is fetched as a zip."""

import io
import json
import urllib.request
import zipfile
from typing import Any

from tests.system.night import BO_PHONE, night
from tests.system.stack import Stack, until


def test_the_worker_writes_what_is_known_of_one_person_and_it_is_fetched() -> None:
    with night() as here:
        token = here.stack.cli("token", "new", "export", "--scope", "admin").split()[-1]
        of = {"of": f"person:{here.staged['people'][0]}"}
        key = json.loads(_ask(here.stack, "", token, of))["id"]
        until(lambda: _standing(here.stack, key, token)["ended_at"], 120, "the zip is written")
        assert _standing(here.stack, key, token)["failure"] == ""
        with zipfile.ZipFile(io.BytesIO(_ask(here.stack, f"/{key}/zip", token))) as out:
            assert out.testzip() is None
            assert BO_PHONE in out.read("rows/people_contactmethod.json").decode()


def _standing(running: Stack, key: int, token: str) -> dict[str, Any]:
    return dict(json.loads(_ask(running, f"/{key}", token)))


def _ask(running: Stack, path: str, token: str, body: dict[str, str] | None = None) -> bytes:
    asked = urllib.request.Request(
        f"{running.url}/api/v1/personal-data/exports{path}",
        json.dumps(body).encode() if body else None,
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return bytes(answer.read())
