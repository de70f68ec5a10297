"""What is known of one person: looked at, taken away, erased. For administrators of every brand."""

from datetime import datetime
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.access.matrix import require
from nightdesk.base.actors import Door
from nightdesk.base.refusals import NotFound, Refusal
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.lists import asked
from nightdesk.console.views.settings.sections import row, tabs_of
from nightdesk.console.views.staff import StaffRequest, done, staff
from nightdesk.keeping import queries
from nightdesk.keeping.download import zip_of
from nightdesk.keeping.erasing import preview, stays
from nightdesk.keeping.erasing_actions import ask_erasure
from nightdesk.keeping.export_actions import KEPT_FOR, ask_export
from nightdesk.keeping.models import Erasure
from nightdesk.keeping.traces import Match, Subject, matches_of, subject_of
from nightdesk.people.models import Person


class WhoseForm(forms.Form):
    of = forms.CharField(
        label=gettext_lazy("Whose"),
        max_length=300,
        help_text=gettext_lazy(
            "A name, or part of one; for whoever is on no list, number:+441632960001 (a caller) or address:bo@north.example"
        ),
    )


@staff("erase_person", every_brand=True)
def personal(request: StaffRequest) -> HttpResponse:
    """Whose data is asked for, and then what would go and what would stay."""
    word = asked(request, "of")
    form, subject, matches = WhoseForm(request.GET if word else None), None, []
    if word and form.is_valid():
        try:
            subject = subject_of(word)
        except Refusal as refusal:
            matches = matches_of(word)
            if not matches:
                form.add_error("of", f"{refusal.so} {refusal.do}")
    context = {
        "here": "settings",
        "heading": _("What is known of {name}").format(name=subject.name)
        if subject
        else _("What is known of somebody"),
        "tabs": tabs_of(request, "keeping"),
        "form": form,
        "word": word,
        "subject": subject,
        "matches": [_match(each) for each in matches],
        **_erasures(),
        **(_export(subject, request.at) if subject else {}),
    }
    parts = {"erasures", "export"} if subject else {"erasures"}
    if subject and request.GET.get("part") not in parts:
        context |= _shown(subject)
    return page_or_part(request, "personal", parts, context)


def _match(match: Match) -> dict[str, object]:
    """A line that leads to what is known of them."""
    url = f"{reverse('console:personal')}?{urlencode({'of': match.word})}"
    return row(match.name, url=url, detail=" · ".join(filter(None, (match.of or _("one of ours"), match.address))))


def _export(subject: Subject, at: datetime) -> dict[str, object]:
    """Their newest zip, or nothing, and where to ask how far it is."""
    export = queries.exports().filter(of=subject.word).first()
    return {
        "export": export,
        "export_url": f"{reverse('console:personal')}?{urlencode({'of': subject.word, 'part': 'export'})}",
        "ready_until": export.asked_at + KEPT_FOR if export else None,
        "at": at,
    }


def _erasures() -> dict[str, object]:
    """What goes just now and what went within a day, and where to ask how far it is."""
    found = list(queries.erasures()[:20])
    return {
        "erasures": [row(_how_far(each), detail=_("asked for by {name}").format(name=each.asked_by)) for each in found],
        "erasing": any(each.ended_at is None for each in found),
        "erasures_url": f"{reverse('console:personal')}?part=erasures",
    }


def _how_far(erasure: Erasure) -> str:
    if erasure.failure:
        return _("{whom}: nothing was erased. {why}").format(whom=erasure.of, why=erasure.failure)
    if erasure.ended_at is not None:
        return _("Erased: {count} rows. It cannot be brought back.").format(count=erasure.rows)
    if erasure.begun_at is None:
        return _("{whom} waits for a worker.").format(whom=erasure.of)
    return _("{whom} goes just now: {done}.").format(whom=erasure.of, done=erasure.done)


def _shown(subject: Subject) -> dict[str, object]:
    return {
        "goes": [row(each.what, tags=[{"text": str(each.count), "tone": ""}]) for each in preview(subject)],
        "stays": [row(what, detail=why) for what, why in stays(subject)],
        "on_the_list": isinstance(subject.row, Person) and subject.row.active,
    }


@staff("export_person", methods=("POST",), every_brand=True)
def export_personal(request: StaffRequest) -> HttpResponse:
    """All that concerns them is written as a zip; the page says how far it is."""
    require(request.actor, "export_person", None)
    subject = subject_of(request.POST.get("of", "")[:300])
    ask_export(subject=subject, by=request.actor, via=Door.WEB, at=request.at)
    back = f"{reverse('console:personal')}?{urlencode({'of': subject.word})}#export"
    return done(request, _("It is being written; this page says how far it is."), back)


@staff("export_person", methods=("POST",), every_brand=True)
def fetch_personal(request: StaffRequest) -> HttpResponse:
    """The zip."""
    key = request.POST.get("export", "")
    if not key.isdecimal() or len(key) > 18:
        raise NotFound(_("An export was asked for."), _("There is none of that number."), _("Look at the list."))
    return zip_of(int(key), by=request.actor, via=Door.WEB, at=request.at)  # type: ignore[return-value]


@staff("erase_person", methods=("POST",), every_brand=True)
def erase_personal(request: StaffRequest) -> HttpResponse:
    """It is asked for, where the word was typed once more."""
    word = request.POST.get("of", "")[:300]
    back = f"{reverse('console:personal')}?{urlencode({'of': word})}"
    if request.POST.get("again", "").strip() != word:
        return done(request, _("Nothing was erased: what you typed is not {word}.").format(word=word), back)
    ask_erasure(subject=subject_of(word), by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It goes as soon as a worker is free to; this page says how far it is."), "console:personal")
