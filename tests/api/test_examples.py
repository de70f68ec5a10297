"""The examples of docs/api.md, run as they stand there."""

import re
import shlex
from pathlib import Path
from string import Template
from typing import Any
from uuid import UUID

import pytest

from nightdesk.access.models import Brand, Role
from nightdesk.api import limits
from nightdesk.people.models import Person
from tests.api.conftest import Caller, token_for, user_with
from tests.api.world import world_of

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
COMMANDS = [
    command
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    for command in re.split(r"\n(?=curl )", block.strip())
]


def run(command: str, named: dict[str, str]) -> Any:
    """What the API answers to a curl command."""
    words = iter(shlex.split(Template(command).substitute(named)))
    assert next(words) == "curl"
    method, headers, body, address = "GET", {}, None, ""
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _colon, value = next(words).partition(": ")
                headers[name] = value
            case "-d" | "--data-binary":
                body = next(words).encode()
            case _:
                address = word
    return Caller(None, headers)(method, address, body)


def test_every_example_does_what_it_says(brand: Brand) -> None:
    world = world_of(brand)
    user = user_with(Role.MANAGER, brand)
    Person.objects.create(name="Bo Berg", user=user)
    named = {
        "TOKEN": str(token_for(["admin"], user=user).secret),
        "NIGHTDESK": "http://testserver",
        "BRAND": str(brand.pk),
        "PAGE": str(UUID(str(world["page_id"]))),
        "CUSTOMER": str(world["customer_id"]),
        "TICKET": str(world["ticket_id"]),
    }
    assert len(COMMANDS) >= 12
    answers = {command: run(command, named) for command in COMMANDS}
    assert {command: told.content for command, told in answers.items() if told.status_code not in (200, 201)} == {}


@pytest.mark.parametrize(
    ("bucket", "sentence"),
    [
        (limits.CALLERS, "Each token may ask {burst} times at once and {rate:g} times a second after that"),
        (limits.STRANGERS, "whoever is not known, {burst} and {rate:g} from one address"),
    ],
)
def test_the_limits_are_those_that_the_page_tells(bucket: limits.Bucket, sentence: str) -> None:
    assert sentence.format(burst=bucket.limit.burst, rate=bucket.limit.per_second) in " ".join(PAGE.split())
