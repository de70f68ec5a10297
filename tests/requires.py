"""Saying that a test drives an outside program: `@requires("chromium")`.

Where the program is missing the test is skipped by name; with `NIGHTDESK_REQUIRE_ALL=1` it fails (tests/plugin.py).
"""

import pytest

from tools.system_parts import PARTS


def requires(*parts: str) -> pytest.MarkDecorator:
    """Mark a test, a class or (as `pytestmark`) a file. Raises LookupError for a part that tools.system_parts lacks."""
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise LookupError(f"requires({', '.join(map(repr, parts))}): name one or more of {', '.join(PARTS)}.")
    return pytest.mark.requires(*parts)
