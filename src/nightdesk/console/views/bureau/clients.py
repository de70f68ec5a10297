"""Clients of the bureau: how they are answered, by which scripts, and whom they have told."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from nightdesk.base.actors import Door
from nightdesk.base.refusals import Invalid, Refusal
from nightdesk.calls import bureau_actions, scripts
from nightdesk.calls import bureau_queries as queries
from nightdesk.calls import client_actions as actions
from nightdesk.calls.bureau_models import BureauClient, Script, ScriptVersion
from nightdesk.console.templatetags.times import clock
from nightdesk.console.views.bureau.shown import CHANNELS, message_row, one_client, sees_addresses, tabs
from nightdesk.console.views.checked import checked
from nightdesk.console.views.choices import brand_choices
from nightdesk.console.views.settings.sections import row as list_row
from nightdesk.console.views.staff import StaffRequest, done, form_page, found, may, may_somewhere, posting, staff

DAYS = (
    gettext_lazy("Mon"), gettext_lazy("Tue"), gettext_lazy("Wed"), gettext_lazy("Thu"), gettext_lazy("Fri"),
    gettext_lazy("Sat"), gettext_lazy("Sun"),
)  # fmt: skip
LAST = 8


# --- Who they are ----------------------------------------------------------------------------------------------------


@staff("read_bureau")
def clients(request: StaffRequest) -> HttpResponse:
    """Whose calls are answered here."""
    known = list(queries.clients(request.brands))
    heading = ngettext("{count} client", "{count} clients", len(known)).format(count=len(known))
    context = {
        "here": "bureau",
        "tabs": tabs(request, "bureau_clients"),
        "heading": heading if known else _("Nobody's calls are answered here yet"),
        "rows": [
            list_row(
                one.brand.name,
                reverse("console:bureau_client", args=[one.pk]),
                _relay_words(one),
                _tags(one, request.at),
            )
            for one in known
        ],
        "new": {"url": reverse("console:new_bureau_client"), "label": _("New client")}
        if may_somewhere(request, "save_bureau_client")
        else None,
        "empty_text": _(
            "A client is a brand whose calls people take here by a script. Make it a brand first, then a client."
        ),
    }
    return render(request, "console/bureau_clients.html", context)


def _relay_words(one: BureauClient) -> str:
    if one.relay == BureauClient.Relay.PAGE:
        return _("messages become a ticket, a page and a call-back")
    count = one.ladder.count()
    return ngettext(
        "messages go by its own ladder of {count} way", "messages go by its own ladder of {count} ways", count
    ).format(count=count)


def _tags(one: BureauClient, at: datetime) -> list[dict[str, str]]:
    if not one.active:
        return [{"text": _("no longer"), "tone": ""}]
    if queries.version_at(one, at) is None:
        return [{"text": _("no script for this hour"), "tone": "fire"}]
    return []


class ClientForm(forms.Form):
    brand = forms.ChoiceField(label=gettext_lazy("Brand"))
    like = forms.ChoiceField(
        label=gettext_lazy("Begin with the scripts of"),
        required=False,
        help_text=gettext_lazy("They are copied, and wait for a test call and an approval as if they were new."),
    )
    relay = forms.ChoiceField(
        label=gettext_lazy("Messages become"),
        choices=[
            ("page", gettext_lazy("A ticket, a page and a call-back here")),
            ("own", gettext_lazy("Its own ladder of texts, mails and calls: it has no Nightdesk")),
        ],
        widget=forms.RadioSelect,
        initial="page",
    )
    confirm = forms.BooleanField(
        label=gettext_lazy("The ladder goes on until somebody says that they have it"), required=False, initial=True
    )
    again_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes until the ladder begins again"), min_value=1, max_value=1440, initial=15
    )
    mind_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes until operators mind what has reached nobody"),
        min_value=1,
        max_value=1440,
        initial=5,
    )
    active = forms.BooleanField(label=gettext_lazy("We answer for them"), required=False, initial=True)

    def __init__(self, *args: Any, request: StaffRequest, client: BureauClient | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if client is not None:
            del self.fields["brand"], self.fields["like"]
            return
        taken = {str(brand) for brand in BureauClient.objects.values_list("brand_id", flat=True)}
        free = [choice for choice in brand_choices(request.actor, "save_bureau_client") if choice[0] not in taken]
        self.fields["brand"].choices = free  # type: ignore[attr-defined]
        models = [(str(one.pk), one.brand.name) for one in queries.clients(request.brands)]
        self.fields["like"].choices = [("", _("the standard script")), *models]  # type: ignore[attr-defined]


def _save_client(request: StaffRequest, values: dict[str, Any], brand_id: int) -> BureauClient:
    return actions.save_bureau_client(
        brand_id=brand_id,
        relay=values["relay"],
        confirm=values["confirm"],
        again_s=values["again_minutes"] * 60,
        mind_s=values["mind_minutes"] * 60,
        active=values["active"],
        like_client_id=int(values["like"]) if values.get("like") else None,
        by=request.actor,
        via=Door.WEB,
        at=request.at,
    )


@form_page("save_bureau_client")
def new_client(request: StaffRequest) -> HttpResponse:
    """One more company whose calls are answered."""
    form = ClientForm(request.POST or None, request=request)
    if request.method == "POST" and form.is_valid():
        made = _save_client(request, form.cleaned_data, int(form.cleaned_data["brand"]))
        text = _("{name} is a client. Try its script in a test call, then approve it.").format(name=made.brand.name)
        return done(request, text, "console:bureau_client", made.pk)
    lead = _("A client is one of your brands: whoever has a role in it sees its list, its note and its messages.")
    return _form(request, form, _("New client"), _("Make it a client"), reverse("console:bureau_clients"), lead=lead)


@form_page("save_bureau_client")
def change_client(request: StaffRequest, client_id: int) -> HttpResponse:
    """How a client's messages are handed on."""
    shown = one_client(request, client_id)
    initial = {
        "relay": shown.relay,
        "confirm": shown.confirm,
        "again_minutes": max(1, shown.again_s // 60),
        "mind_minutes": max(1, shown.mind_s // 60),
        "active": shown.active,
    }
    form = ClientForm(request.POST or None, request=request, client=shown, initial=initial)
    if request.method == "POST" and form.is_valid():
        _save_client(request, form.cleaned_data, shown.brand_id)
        return done(request, _("Saved."), "console:bureau_client", shown.pk)
    return _form(request, form, shown.brand.name, _("Save it"), _url(shown))


def _url(client: BureauClient) -> str:
    return reverse("console:bureau_client", args=[client.pk])


def _form(
    request: StaffRequest, form: forms.Form, heading: str, label: str, cancel_url: str, **more: Any
) -> HttpResponse:
    context = {
        "here": "bureau",
        "heading": heading,
        "form": form,
        "label": label,
        "cancel_url": cancel_url,
        "crumbs": [
            {"url": reverse("console:bureau"), "label": _("Bureau")},
            {"url": reverse("console:bureau_clients"), "label": _("Clients")},
        ],
        **more,
    }
    return render(request, "console/form.html", context)


@staff("read_bureau")
def client(request: StaffRequest, client_id: int) -> HttpResponse:
    """One client: who is on call, the note of the day, the last messages, the scripts."""
    shown = one_client(request, client_id)
    at = request.at
    sees = sees_addresses(request, shown)
    last = list(queries.messages({shown.brand_id})[:LAST])
    proofs = queries.proofs(last)
    now = queries.version_at(shown, at)
    scripts_here = shown.scripts.filter(retired_at=None).prefetch_related("versions")
    context = {
        "here": "bureau",
        "tabs": tabs(request, "bureau_clients"),
        "client": shown,
        "heading": shown.brand.name,
        "tags": _tags(shown, at),
        "relay": _relay_words(shown),
        "greeting": now.greeting if now else "",
        "on_list": [
            {
                "name": one.name,
                "place": one.place,
                "until": one.until,
                "ways": [
                    (str(CHANNELS.get(channel, channel)), address if sees else "") for channel, address in one.ways
                ],
            }
            for one in queries.on_call_list(shown, at)
        ],
        "note": queries.note_now(shown, at),
        "note_form": NoteForm(initial={"text": queries.note_now(shown, at)})
        if may(request, "set_note_of_the_day", shown.brand_id)
        else None,
        "rows": [message_row(each, proofs[each.pk]) for each in last],
        "scripts": [
            list_row(
                each.name,
                reverse("console:script", args=[each.pk]),
                _script_detail(each, at),
                _script_tags(each, now, at),
            )
            for each in scripts_here
        ]
        if may_somewhere(request, "save_script") or may(request, "take_desk_call", shown.brand_id)
        else [],
        "edits": may(request, "save_bureau_client", shown.brand_id),
        "sets_ladder": shown.relay == BureauClient.Relay.OWN and may(request, "set_bureau_ladder", shown.brand_id),
    }
    return render(request, "console/bureau_client.html", context)


class NoteForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("What operators must know just now"),
        max_length=600,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    until = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Without an end it stays until somebody changes it."),
    )


@posting("set_note_of_the_day")
def note(request: StaffRequest, client_id: int) -> HttpResponse:
    """The note that stands above the script."""
    shown = one_client(request, client_id)
    values = checked(NoteForm(request.POST), _("You wanted to set the note of the day."))
    actions.set_note_of_the_day(client_id=shown.pk, **values, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Operators see it from now on."), "console:bureau_client", shown.pk)


# --- Whom it has told ------------------------------------------------------------------------------------------------


class LadderForm(forms.Form):
    rungs = forms.CharField(
        label=gettext_lazy("Whom to tell, in order"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line: name | sms, voice or email | number or address | minutes until the next | urgent (only what cannot wait)"
            " | from | until. The last three may be left out; a line with times goes before those without."
        ),
    )


@form_page("set_bureau_ladder")
def ladder(request: StaffRequest, client_id: int) -> HttpResponse:
    """The client's own ladder."""
    shown = one_client(request, client_id)
    form = LadderForm(request.POST or None, initial={"rungs": _ladder_lines(shown)})
    if request.method == "POST" and form.is_valid():
        try:
            rungs = _rungs(form.cleaned_data["rungs"], shown.brand.zone)
            actions.set_bureau_ladder(client_id=shown.pk, rungs=rungs, by=request.actor, via=Door.WEB, at=request.at)
        except Refusal as refusal:
            form.add_error("rungs", f"{refusal.so} {refusal.do}")
        else:
            return done(request, _("Messages go by this ladder from now on."), "console:bureau_client", shown.pk)
    lead = _(
        "Only a proved address of one of the client's people can say “I have it”; at any other an arrival is enough."
    )
    heading = _("Whom {name} has told").format(name=shown.brand.name)
    return _form(request, form, heading, _("Save the ladder"), _url(shown), lead=lead)


def _ladder_lines(client: BureauClient) -> str:
    zone = ZoneInfo(client.brand.zone)
    lines = []
    for rung in client.ladder.all():
        times = [f"{each.astimezone(zone):%Y-%m-%d %H:%M}" if each else "" for each in (rung.first_at, rung.last_at)]
        urgent = "urgent" if rung.urgent_only else ""
        parts = [rung.name, rung.channel, rung.address, str(rung.wait_s // 60), urgent, *times]
        while not parts[-1]:
            parts.pop()
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def _rungs(text: str, zone: str) -> list[dict[str, Any]]:
    rungs = []
    for line in text.splitlines():
        if not line.strip():
            continue
        asked = _("The line “{line}” was read.").format(line=line.strip()[:60])
        parts = [part.strip() for part in line.split("|")]
        if not 3 <= len(parts) <= 7:
            raise Invalid(
                asked, _("“{line}” has no name, way and address.").format(line=line.strip()[:60]), _("Mend it.")
            )
        name, channel, address, minutes, urgent, first, last = (*parts, "", "", "", "")[:7]
        if not (minutes or "5").isdecimal():
            raise Invalid(asked, _("{text} is no number of minutes.").format(text=minutes[:20]), _("Mend it."))
        rungs.append(
            {
                "name": name,
                "channel": channel.lower(),
                "address": address,
                "wait_s": int(minutes or 5) * 60,
                "urgent_only": urgent.lower() == "urgent",
                "first_at": _instant(first, zone, asked),
                "last_at": _instant(last, zone, asked),
            }
        )
    return rungs


def _instant(text: str, zone: str, asked: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone))
    except ValueError as wrong:
        raise Invalid(
            asked, _("{text} is no time.").format(text=text[:20]), _("Write it as 2026-11-27 18:00.")
        ) from wrong


# --- Scripts ---------------------------------------------------------------------------------------------------------


def when_words(when: scripts.When) -> str:
    """At which times a script is read, in a line."""
    days = "" if len(when.weekdays) == 7 else " ".join(str(DAYS[day]) for day in sorted(when.weekdays))
    hours = "" if when.minutes_a_day == scripts.MINUTES_A_DAY else f"{when.opens:%H:%M}–{when.closes:%H:%M}"
    span = ""
    if when.first_day or when.last_day:
        span = f"{when.first_day.isoformat() if when.first_day else ''}…{when.last_day.isoformat() if when.last_day else ''}"
    return " ".join(part for part in (days, hours, span) if part) or _("at any hour")


def _script_detail(each: Script, at: datetime) -> str:
    live = [one for one in each.versions.all() if one.approved_at is not None and one.starts_at <= at]
    if not live:
        return _("never approved yet")
    current = max(live, key=lambda one: (one.starts_at, one.number))
    return _("version {number}, {when}, since {since}").format(
        number=current.number,
        when=when_words(scripts.when_from(current.when)),
        since=clock(current.starts_at, at),
    )


def _script_tags(each: Script, now: ScriptVersion | None, at: datetime) -> list[dict[str, str]]:
    tags = []
    if now is not None and now.script_id == each.pk:
        tags.append({"text": _("read now"), "tone": "calm"})
    latest = max(each.versions.all(), key=lambda one: one.number)
    if latest.approved_at is None:
        text = _("waits for approval") if latest.tested_at else _("waits for a test call")
        tags.append({"text": text, "tone": "accent"})
    elif latest.starts_at > at:
        tags.append({"text": _("begins {when}").format(when=clock(latest.starts_at, at)), "tone": "sky"})
    return tags


class ScriptForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    greeting = forms.CharField(
        label=gettext_lazy("Greeting"),
        max_length=400,
        help_text=gettext_lazy("Read out as it stands, before all else."),
    )
    steps = forms.CharField(
        label=gettext_lazy("What is said and asked"),
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "One a line: key: kind | label | words to say | choice, choice | key = value. Kinds: say, name, number (read back),"
            " account (checked), text, choice, urgency; a ? behind it may be left out."
        ),
    )
    may_say = forms.CharField(
        label=gettext_lazy("What callers may be told"),
        required=False,
        max_length=actions.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    instructions = forms.CharField(
        label=gettext_lazy("For the operator alone"),
        required=False,
        max_length=actions.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("Weekdays"),
        choices=[(str(number), day) for number, day in enumerate(DAYS)],
        widget=forms.CheckboxSelectMultiple,
        initial=[str(number) for number in range(7)],
    )
    opens = forms.TimeField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=gettext_lazy("Without times: the whole day."),
    )
    closes = forms.TimeField(
        label=gettext_lazy("To"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    first_day = forms.DateField(
        label=gettext_lazy("First day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    starts_at = forms.DateTimeField(
        label=gettext_lazy("To be read from"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Without a time: as soon as it is approved."),
    )
    why = forms.CharField(label=gettext_lazy("What is new, and why"), max_length=300, required=False)


def _initial(version: ScriptVersion) -> dict[str, Any]:
    when = scripts.when_from(version.when)
    whole = when.minutes_a_day == scripts.MINUTES_A_DAY
    return {
        "name": version.script.name,
        "greeting": version.greeting,
        "steps": scripts.as_lines(scripts.steps_from(version.steps)),
        "may_say": version.may_say,
        "instructions": version.instructions,
        "weekdays": [str(day) for day in sorted(when.weekdays)],
        "opens": None if whole else when.opens,
        "closes": None if whole else when.closes,
        "first_day": when.first_day,
        "last_day": when.last_day,
    }


def _save_script(
    request: StaffRequest, form: ScriptForm, client: BureauClient, script: Script | None
) -> ScriptVersion | None:
    values = form.cleaned_data
    when = scripts.When(
        frozenset(int(day) for day in values["weekdays"]),
        values["opens"] or time(0),
        values["closes"] or time(0),
        values["first_day"],
        values["last_day"],
    )
    try:
        steps = [step.as_json() for step in scripts.steps_in(values["steps"])]
    except ValueError as wrong:
        form.add_error("steps", f"{wrong}.")
        return None
    try:
        return actions.save_script(
            client_id=client.pk,
            script_id=script.pk if script else None,
            name=values["name"],
            greeting=values["greeting"],
            steps=steps,
            when=when.as_json(),
            may_say=values["may_say"],
            instructions=values["instructions"],
            why=values["why"],
            starts_at=values["starts_at"],
            by=request.actor,
            via=Door.WEB,
            at=request.at,
        )
    except Invalid as refusal:
        form.add_error(None, f"{refusal.so} {refusal.do}")
        return None


@form_page("save_script")
def new_script(request: StaffRequest, client_id: int) -> HttpResponse:
    """One more script of a client, for some hours of the week."""
    shown = one_client(request, client_id)
    initial = {"steps": scripts.as_lines(scripts.STANDARD)}
    form = ScriptForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        made = _save_script(request, form, shown, None)
        if made is not None:
            return done(request, _("Saved. Now try it in a test call."), "console:script", made.script_id)
    heading = _("A script for {name}").format(name=shown.brand.name)
    return _form(request, form, heading, _("Save it"), _url(shown))


def _one_script(request: StaffRequest, script_id: int) -> Script:
    rows = Script.objects.filter(client__in=queries.clients(request.brands)).select_related("client__brand")
    return found(rows.filter(id=script_id), _("You asked for a script."))


@staff("read_bureau")
def script(request: StaffRequest, script_id: int) -> HttpResponse:
    """The versions of a script: what each says, who tried and who approved it, from when on it is read."""
    shown = _one_script(request, script_id)
    now = queries.version_at(shown.client, request.at)
    versions = list(shown.versions.all())
    brand = shown.client.brand_id
    latest = versions[0]
    context = {
        "here": "bureau",
        "crumbs": [
            {"url": reverse("console:bureau_clients"), "label": _("Clients")},
            {"url": _url(shown.client), "label": shown.client.brand.name},
        ],
        "heading": shown.name,
        "script": shown,
        "versions": [
            {
                "row": each,
                "when": when_words(scripts.when_from(each.when)),
                "steps": scripts.steps_from(each.steps),
                "tag": _version_tag(each, now, request.at),
                "first": each.pk == latest.pk,
            }
            for each in versions
        ],
        "edits": may(request, "save_script", brand) and shown.retired_at is None,
        "tests": may(request, "open_bureau_message", brand) and shown.retired_at is None,
        "latest": latest,
        "approves": may(request, "approve_script", brand) and latest.tested_at and latest.approved_at is None,
    }
    return render(request, "console/bureau_script.html", context)


def _version_tag(each: ScriptVersion, now: ScriptVersion | None, at: datetime) -> dict[str, str]:
    if each.approved_at is None:
        return {"text": _("tried, not approved") if each.tested_at else _("not tried yet"), "tone": "accent"}
    if now is not None and now.pk == each.pk:
        return {"text": _("read now"), "tone": "calm"}
    if each.starts_at > at:
        return {"text": _("begins {when}").format(when=clock(each.starts_at, at)), "tone": "sky"}
    return {"text": _("approved"), "tone": ""}


@form_page("save_script")
def change_script(request: StaffRequest, script_id: int) -> HttpResponse:
    """A new version of a script."""
    shown = _one_script(request, script_id)
    latest = shown.versions.select_related("script").first()
    assert latest is not None  # a script begins with one
    form = ScriptForm(request.POST or None, initial=_initial(latest))
    if request.method == "POST" and form.is_valid():
        made = _save_script(request, form, shown.client, shown)
        if made is not None:
            return done(request, _("Saved. Now try it in a test call."), "console:script", shown.pk)
    heading = _("{name}: a new version").format(name=shown.name)
    return _form(request, form, heading, _("Save the version"), reverse("console:script", args=[shown.pk]))


@posting("open_bureau_message")
def test_script(request: StaffRequest, script_id: int, number: int) -> HttpResponse:
    """A test call with that version."""
    shown = _one_script(request, script_id)
    version = found(shown.versions.filter(number=number), _("You asked for a version."))
    row = bureau_actions.open_bureau_message(
        client_id=shown.client_id, version_id=version.pk, by=request.actor, via=Door.WEB, at=request.at
    )
    return HttpResponseRedirect(reverse("console:bureau_message", args=[row.pk]))


@posting("approve_script")
def approve_script(request: StaffRequest, script_id: int, number: int) -> HttpResponse:
    """That version is read from its time on."""
    shown = _one_script(request, script_id)
    version = actions.approve_script(script_id=shown.pk, number=number, by=request.actor, via=Door.WEB, at=request.at)
    text = _("Approved. It is read from {when} on.").format(when=f"{localtime(version.starts_at):%d.%m. %H:%M}")
    return done(request, text, "console:script", shown.pk)


@posting("save_script")
def retire_script(request: StaffRequest, script_id: int) -> HttpResponse:
    """It is read no more."""
    shown = _one_script(request, script_id)
    actions.retire_script(script_id=shown.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(
        request, _("“{name}” is read no more.").format(name=shown.name), "console:bureau_client", shown.client_id
    )
