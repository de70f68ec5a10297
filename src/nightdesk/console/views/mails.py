"""Mail in: the mailboxes and how they do, every mail that came, what became of it."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound
from nightdesk.channels.queries import delivery_by_id
from nightdesk.console.templatetags.sizes import size
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.letters import file_answer, shown_letter, trust_tag, why_not_proven, with_images_allowed
from nightdesk.console.views.lists import (
    EXPORTED,
    as_csv,
    asked,
    asked_day,
    clear_url,
    csv_url,
    day_box,
    one_page,
    search_box,
    select,
)
from nightdesk.console.views.staff import StaffRequest, done, found, may, posting, staff, within
from nightdesk.console.views.subjects import url_of
from nightdesk.mailroom.actions import retry_mail
from nightdesk.mailroom.letter import read_attachments, read_letter
from nightdesk.mailroom.models import Mail, Mailbox
from nightdesk.mailroom.queries import LOOKED_THROUGH, Filters, authserv_id_of, how_it_does, mails
from nightdesk.mailroom.trust import checked

STANDINGS = {
    "waiting": gettext_lazy("not read yet"),
    "done": gettext_lazy("acted on"),
    "kept": gettext_lazy("only kept"),
    "copy": gettext_lazy("came before"),
    "failed": gettext_lazy("could not be read"),
}
TONES = {"done": "calm", "failed": "fire"}
WAYS = {"imap": "IMAP", "smtp": "SMTP", "lmtp": "LMTP", "pipe": gettext_lazy("by hand")}
SHOWN_TEXT = 20_000


@staff("read_mails")
def mail_in(request: StaffRequest) -> HttpResponse:
    """The mailboxes, and the mails that came, the newest first."""
    here, pager = one_page(request, _chosen(request))
    failed = mails(Filters(brand_ids=request.brands, standing="failed")).count()
    boxes = [_box(each, request) for each in Mailbox.objects.filter(within(request.brands))]
    down = sum(box["tags"][0]["tone"] == "fire" for box in boxes)
    context = {
        "here": "mails",
        "heading": _heading(down, failed, bool(here or request.GET)),
        "boxes": boxes,
        "boxes_url": reverse("console:mailboxes") if may(request, "save_mailbox", None) else "",
        "rows": [_row(mail) for mail in here],
        "looked_through": LOOKED_THROUGH if asked(request, "q") else 0,
        "filters": [
            search_box(asked(request, "q"), _("Words, sender or recipient")),
            select(
                "standing",
                _("What became of it"),
                asked(request, "standing", STANDINGS),
                {name: str(text) for name, text in STANDINGS.items()},
                _("Anything"),
            ),
            day_box("since", _("From"), asked_day(request, "since")),
            day_box("until", _("Until"), asked_day(request, "until")),
        ],
        "pager": pager,
        "clear_url": clear_url(request),
        "csv_url": csv_url(request, reverse("console:mails_csv")),
    }
    return page_or_part(request, "mails", {"list"}, context)


def _heading(down: int, failed: int, any_mail: bool) -> str:
    if down:
        return ngettext("{count} mailbox is not being read", "{count} mailboxes are not being read", down).format(
            count=down
        )
    if failed:
        return ngettext("{count} mail could not be read", "{count} mails could not be read", failed).format(
            count=failed
        )
    return _("Mail comes in and is read") if any_mail else _("No mail has come in")


def _chosen(request: StaffRequest) -> QuerySet[Mail]:
    since, until = asked_day(request, "since"), asked_day(request, "until")
    return mails(
        Filters(
            brand_ids=request.brands,
            text=asked(request, "q"),
            standing=asked(request, "standing", STANDINGS),
            since=make_aware(datetime.combine(since, time())) if since else None,
            until=make_aware(datetime.combine(until + timedelta(days=1), time())) if until else None,
        )
    )


def _box(box: Mailbox, request: StaffRequest) -> dict[str, Any]:
    tone, words = how_it_does(box, request.at)
    last = clock(box.last_mail_at, request.at) if box.last_mail_at else ""
    details = [
        f"{box.user} · {box.host}",
        _("last mail {time}").format(time=last) if last else _("no mail yet"),
        words if tone == "fire" else "",
    ]
    url = reverse("console:mailbox", args=[box.id]) if may(request, "save_mailbox", box.brand_id) else ""
    tags = [{"text": _("not read") if tone == "fire" else words, "tone": tone}]
    return {"title": box.name, "url": url, "detail": " · ".join(part for part in details if part), "tags": tags}


def _row(mail: Mail) -> dict[str, Any]:
    """What parts/list_row.html draws."""
    who = mail.from_name or mail.from_address or mail.sender or _("nobody")
    return {
        "at": mail.at,
        "title": mail.title or _("Without a subject"),
        "detail": " · ".join(part for part in (who, mail.outcome or mail.error[:120]) if part),
        "url": reverse("console:mail", args=[mail.id]),
        "tags": [{"text": str(STANDINGS[mail.standing]), "tone": TONES.get(mail.standing, "")}],
    }


@staff("read_mails")
def mail(request: StaffRequest, mail_id: UUID) -> HttpResponse:
    """One mail: what it says, how it came, what became of it. `?images=1`: with those that lie elsewhere."""
    rows = Mail.objects.filter(within(request.brands)).select_related("mailbox")
    row = found(rows.filter(id=mail_id), _("You asked for a mail."))
    raw = bytes(row.raw)
    letter = read_letter(raw)
    from_whom = f"{row.from_name} <{row.from_address}>" if row.from_name else row.from_address
    came = row.mailbox.name if row.mailbox else f"{WAYS[row.way]} {row.peer}".strip()
    facts = [
        (_("From"), from_whom or _("nobody")),
        (_("To"), ", ".join([str(one) for one in row.recipients] or letter.to)),
        (_("Return path"), {None: "", "": "<>"}.get(row.sender, row.sender)),
        (_("Came by"), came),
        (_("Size"), size(row.size) + (_(", only its beginning is kept") if row.cut else "")),
        (_("Sender"), why_not_proven(row.trust, checked(letter, authserv_id_of(row)).domain) if row.trust else ""),
        (_("Written by a machine"), row.automatic),
        (_("What was wrong"), row.error if row.standing == "failed" else ""),
    ]
    remote = request.GET.get("images") == "1"
    shown = shown_letter(
        letter.html,
        row.text or letter.text,
        letter.attachments,
        lambda number: reverse("console:mail_file", args=[row.id, number]),
        notes=letter.faults,
        images_url=f"{reverse('console:mail', args=[row.id])}?images=1",
        remote=remote,
    )
    can_retry = row.standing in ("failed", "kept", "copy") and may(request, "retry_mail", row.brand_id)
    context = {
        "here": "mails",
        "mail": row,
        "title": row.title or _("Without a subject"),
        "tag": {"text": str(STANDINGS[row.standing]), "tone": TONES.get(row.standing, "")},
        "facts": [(label, value) for label, value in facts if value],
        "trust": trust_tag(row.trust),
        "letter": shown,
        "plain": (row.text or letter.text)[:SHOWN_TEXT] if shown.html else "",
        "headers": letter.headers,
        "about_url": _about(row),
        "retry_url": reverse("console:retry_mail", args=[row.id]) if can_retry else "",
        "may_be_persons": row.standing == "kept" and row.automatic,
        "raw_url": reverse("console:mail_raw", args=[row.id]),
    }
    page = render(request, "console/mail.html", context)
    return with_images_allowed(page) if remote else page


def _about(row: Mail) -> str:
    """The page of what the mail was about; of a delivery, that of its subject."""
    if row.subject_kind == "delivery" and row.subject_id:
        delivery = delivery_by_id(UUID(row.subject_id))
        return url_of(delivery.subject_kind, delivery.subject_id) if delivery else ""
    return url_of(row.subject_kind, row.subject_id)


@staff("read_mails")
def mail_raw(request: StaffRequest, mail_id: UUID) -> HttpResponse:
    """The mail as it came, as a file: browsers must not take it for a page."""
    row = found(Mail.objects.filter(within(request.brands), id=mail_id), _("You asked for a mail."))
    answer = HttpResponse(bytes(row.raw), content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{row.id}.eml"'
    return answer


@staff("read_mails")
def mail_file(request: StaffRequest, mail_id: UUID, file_number: int) -> HttpResponse:
    """The file of that number, from 0 on."""
    row = found(Mail.objects.filter(within(request.brands), id=mail_id), _("You asked for a file of a mail."))
    files = read_attachments(bytes(row.raw))
    if file_number >= len(files):
        raise NotFound(
            _("You asked for a file of a mail."), _("It has no file of that number."), _("Go back to the mail.")
        )
    return file_answer(files[file_number])


@posting("retry_mail")
def retry(request: StaffRequest, mail_id: UUID) -> HttpResponse:
    """It is read once more, as a person's where `as_persons` says so."""
    row = found(Mail.objects.filter(within(request.brands), id=mail_id), _("You asked for a mail."))
    as_persons = request.POST.get("as_persons") == "yes"
    retry_mail(mail_id=row.id, as_persons=as_persons, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The mail is read again."), "console:mail", row.id)


@staff("read_mails")
def mails_csv(request: StaffRequest) -> HttpResponse:
    """The same mails as a file."""
    header = ["id", "at", "way", "from", "to", "subject", "size", "standing", "outcome", "error", "message_id"]
    rows = (
        [one.id, one.at, one.way, one.from_address, " ".join(map(str, one.recipients)), one.title, one.size,
         one.standing, one.outcome, one.error, one.message_id]
        for one in _chosen(request)[:EXPORTED].iterator()
    )  # fmt: skip
    return as_csv("mails", header, rows)
