"""A mailbox that is not read is an alarm: what customers and monitors write lies there, and nobody hears of it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from nightdesk.base.actors import Actor, Door
from nightdesk.mailroom.models import Mailbox
from nightdesk.mailroom.queries import is_unread
from nightdesk.paging import queries
from nightdesk.paging.actions import resolve_page, trigger_page
from nightdesk.paging.models import Page

FOLLOW = "page.follow_mailbox"
"""Promise to page for a mailbox that is not read, and to resolve that page once it is."""


@transaction.atomic
def follow_mailbox(*, mailbox_id: int, by: Actor, via: Door, at: datetime) -> str:
    """While nobody could read the mailbox there is one page, whoever has it; it ends with the trouble. Says what was done.

    That of a mailbox of every brand's rings whoever is rung for Nightdesk itself.
    """
    mailbox = Mailbox.objects.select_for_update().filter(id=mailbox_id).first()
    about = {"mailbox": mailbox_id}
    # What came by an integration may say anything of itself, and is no page of ours.
    open_ones = Page.objects.exclude(state=Page.State.RESOLVED).filter(integration=None, details__contains=about)
    if mailbox is None or not is_unread(mailbox, at):
        for page in open_ones:
            resolve_page(page_id=page.pk, resolution=_("It is read again, or no longer."), by=by, via=via, at=at)
        return _("It is read again, or no longer.")
    if open_ones.exists():
        return _("Somebody has been paged already.")
    brand_id, policy_id = (mailbox.brand_id, None) if mailbox.brand_id is not None else queries.who_is_ours()
    if brand_id is None:
        return _("There is no brand whose people could be paged.")
    title = _("No mail comes in: the mailbox {name} is not read. {problem}")
    title = title.format(name=mailbox.name, problem=mailbox.problem)
    page = trigger_page(
        brand_id=brand_id, title=title, priority="P2", policy_id=policy_id, details=about, by=by, via=via, at=at
    )
    return _("Page {code} was raised.").format(code=page.code)
