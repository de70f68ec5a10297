"""What Asterisk's own description of ARI says: its requests with their parameters, and its events."""

import functools
import json
import re

from tests.phone.asterisk import UNPACKED

FOLDER = UNPACKED / "usr/share/asterisk/rest-api"


@functools.cache
def operations() -> dict[tuple[str, str], set[str]]:
    """(method, path with {} for what varies) -> names of its query parameters."""
    found = {}
    for file in FOLDER.glob("*.json"):
        for path in json.loads(file.read_text()).get("apis", []):
            for operation in path.get("operations", []):
                names = {each["name"] for each in operation.get("parameters", []) if each["paramType"] == "query"}
                found[operation["httpMethod"], re.sub(r"\{\w+\}", "{}", path["path"])] = names
    return found


@functools.cache
def events() -> set[str]:
    """The names of events, and of what goes over the WebSocket beside them."""
    return set(json.loads((FOLDER / "events.json").read_text())["models"])
