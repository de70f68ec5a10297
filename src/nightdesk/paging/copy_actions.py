"""Silent copies of pages for newcomers: they see what those whom they are beside are woken for, and answer nothing."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Actor, Door
from nightdesk.channels.models import Delivery, Message
from nightdesk.duty import pairings
from nightdesk.journal.actions import record
from nightdesk.journal.kinds import kind
from nightdesk.paging import wording
from nightdesk.paging.models import DigestLine, Page
from nightdesk.paging.telling import tell_quietly
from nightdesk.people.models import Person

PAGE_COPIED = kind(pairings.COPIED, gettext_lazy("A silent copy went to {names}"))

COPY = "page.copy"
"""Promise to copy a page to the newcomers beside those whom it has rung."""

SUBJECT = "copy"
"""Kind of a copy's subject; its id is the page's. Not the page: what is taken off its deliveries stays in a copy."""


@transaction.atomic
def copy_page(*, page_id: UUID, by: Actor, via: Door, at: datetime) -> str:
    """Whoever is new and beside somebody whom the page has rung has a copy by their quiet ways: never a loud one, and nothing
    in it to answer. Each once a page. Says what was done.
    """
    page = Page.objects.select_for_update(no_key=True).filter(pk=page_id).first()
    if page is None:
        return _("It is gone.")
    if page.shadow:
        return _("It is on paper only.")
    about = {"subject_kind": "page", "subject_id": str(page.pk), "recipient_kind": "person"}
    rung = {
        int(number) for number in Delivery.objects.filter(**about).values_list("recipient_id", flat=True).distinct()
    }
    rung |= set(DigestLine.objects.filter(page=page).values_list("person_id", flat=True))
    beside = pairings.beside(rung, at)
    copies = Message.objects.filter(subject_kind=SUBJECT, subject_id=str(page.pk)).values("id")
    have = {
        int(number)
        for number in Delivery.objects.filter(message_id__in=copies).values_list("recipient_id", flat=True).distinct()
    }
    to = sorted(beside.keys() - have - rung)
    if not to:
        return _("Nobody new is beside them who has no copy yet.")
    names = dict(Person.objects.filter(id__in={*to, *rung}).values_list("id", "name"))
    for newcomer_id in to:
        with_whom = ", ".join(sorted(names[person_id] for person_id in beside[newcomer_id]))
        tell_quietly(
            [newcomer_id],
            kind=pairings.COPIED,
            subject=(SUBJECT, page.pk),
            title=_("Copy: {page}").format(page=wording.headline(page))[: wording.TITLE_LENGTH],
            body=_("{names} was rung. You are beside them: nothing has to be done by you.").format(names=with_whom),
            brand_id=page.brand_id,
            by=by,
            via=via,
            at=at,
        )
    facts = {"names": ", ".join(names[person_id] for person_id in to), "people": to, "code": page.code}
    record(PAGE_COPIED, subject=("page", page.pk), by=by, via=via, at=at, brand_id=page.brand_id, facts=facts)
    return _("Copied to {names}.").format(names=facts["names"])
