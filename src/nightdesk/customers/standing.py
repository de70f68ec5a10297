"""What a customer's contact may do by themselves, and whose tickets they see. What is not said is not allowed.

The staff's table is `access.matrix`; it lets contacts do nothing. Here stands what they may do about themselves and about
their own company, by their standing in it; about another company they may nothing, whatever their standing.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Standing(StrEnum):
    """What somebody is in their own company. Without one ("") they do not log in."""

    VIEWER = "viewer"
    """Reads; somebody of the company confirms each year that they still belong there."""
    MEMBER = "member"
    """Also reports, answers and closes."""
    MANAGER = "manager"
    """Also keeps the company's contacts and its rule."""


class Sees(StrEnum):
    """A company's rule: whose tickets each of its contacts sees, beside their own."""

    OWN = "own"
    MANAGERS_ALL = "managers_all"
    ALL = "all"


_EVERYBODY = frozenset(Standing)
_MEMBERS = frozenset({Standing.MEMBER, Standing.MANAGER})
_MANAGERS = frozenset({Standing.MANAGER})
_NOBODY = frozenset[Standing]()

# verb -> (who may do it about themselves, who about their company)
VERBS: Mapping[str, tuple[frozenset[Standing], frozenset[Standing]]] = MappingProxyType(
    {
        "edit_contact": (_EVERYBODY, _MANAGERS),
        "ask_mobile_code": (_EVERYBODY, _NOBODY),
        "verify_mobile": (_EVERYBODY, _NOBODY),
        "remove_mobile": (_EVERYBODY, _MANAGERS),
        "make_contact_token": (_EVERYBODY, _NOBODY),
        "revoke_contact_token": (_EVERYBODY, _MANAGERS),
        "make_feed_link": (_EVERYBODY, _NOBODY),
        "revoke_feed_link": (_EVERYBODY, _MANAGERS),
        "share_outage": (_NOBODY, _EVERYBODY),
        "make_contact": (_NOBODY, _MANAGERS),
        "invite_contact": (_NOBODY, _MANAGERS),
        "set_contact_standing": (_NOBODY, _MANAGERS),
        "mark_contact_left": (_NOBODY, _MANAGERS),
        "confirm_contact": (_NOBODY, _MANAGERS),
        "set_company_rule": (_NOBODY, _MANAGERS),
        "save_wish": (_EVERYBODY, _MANAGERS),
        "remove_wish": (_EVERYBODY, _MANAGERS),
        "decide_unsubscribe": (_NOBODY, _MANAGERS),
        "save_contact_hook": (_EVERYBODY, _NOBODY),
        "add_contact_browser": (_EVERYBODY, _NOBODY),
        "remove_contact_endpoint": (_EVERYBODY, _MANAGERS),
        # On tickets that they see by the company's rule; see `sees_all`.
        "open_ticket": (_NOBODY, _MEMBERS),
        "take_message": (_NOBODY, _MEMBERS),
        "close_ticket": (_NOBODY, _MEMBERS),
        "reopen_ticket": (_NOBODY, _MEMBERS),
        "ask_for_manager": (_NOBODY, _MEMBERS),
    }
)


def may(standing: str, verb: str, *, own: bool) -> bool:
    """Whether a contact of this standing may do `verb`, about themselves (`own`) or else about their company."""
    about_self, about_company = VERBS.get(verb, (_NOBODY, _NOBODY))
    allowed = about_self | about_company if own else about_company
    return standing in allowed


def sees_all(rule: str, standing: str) -> bool:
    """Whether a contact of this standing sees what their colleagues reported, by the company's rule."""
    return rule == Sees.ALL or (rule == Sees.MANAGERS_ALL and standing == Standing.MANAGER)


def table() -> str:
    """All of it in Markdown, for docs/roles.md."""
    lines = ["| verb | " + " | ".join(Standing) + " |", "| --- |" + " --- |" * len(Standing)]
    for verb, (about_self, about_company) in VERBS.items():
        cells = ["yes" if one in about_company else "about themselves" if one in about_self else "" for one in Standing]
        lines.append(f"| `{verb}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
