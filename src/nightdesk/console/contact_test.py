"""The test message of a way to reach somebody, and what answering it does: only an answer proves that it arrives."""

from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.access.matrix import brands_for, forbidden
from nightdesk.base.actors import Actor, Door
from nightdesk.channels.actions import Recipient, queue_message
from nightdesk.people.actions import confirm_contact_method
from nightdesk.people.models import ContactMethod
from nightdesk.people.queries import brands_of

TEST = "contact.test"
CONFIRM = "contact.confirm"
"""The answer verb's name; `nightdesk.wiring` registers `confirm_by_answer` under it."""


def send_test(method: ContactMethod, *, by: Actor, via: Door, at: datetime) -> None:
    """A message goes to that address alone. One's own needs only `edit_own_contacts`. Raises Forbidden."""
    own = by.person_id == method.person_id
    if not own and brands_for(by, "add_contact_method") == set():
        raise forbidden(by, "add_contact_method")
    brands = sorted(brand for brand in brands_of(method.person) if brand is not None)
    title, body = _words(method.channel)
    queue_message(
        kind=TEST,
        subject=("person", method.person_id),
        title=title,
        body=body,
        to=[Recipient("person", method.person_id, method.channel, method.address, at)],
        brand_id=brands[0] if brands else None,
        answers={"acknowledge": [CONFIRM, "method", str(method.id)]},
        by=by,
        via=via,
        at=at,
    )


def _words(channel: str) -> tuple[str, str]:
    """Title and body of the test."""
    match channel:
        case "voice":  # the title alone is read, and then which key to press
            return _("This is a test of your pages."), ""
        case "pager":  # nobody opens a link there
            words = _("If this pager cannot answer, say that this came: somebody may then vouch for it.")
        case "chat":  # nobody reads what is written there
            words = _("This is a test. Open {link}, and this address counts as working.").format(link="{link}")
        case "sms":
            words = _(
                "This is a test. Reply OK, or open {link}, and this address counts as working. "
                "The link also has our contact card, to be heard in silent mode."
            ).format(link="{link}")
        case _:
            words = _("This is a test. Reply OK, or open {link}, and this address counts as working.").format(
                link="{link}"
            )
    return _("Nightdesk test"), words


def confirm_by_answer(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """The answer came, so the address works; returns the sentence to say back. Raises NotFound, Forbidden."""
    del text
    confirm_contact_method(method_id=int(subject_id), by=by, via=via, at=at)
    return _("Thank you. This address works.")
