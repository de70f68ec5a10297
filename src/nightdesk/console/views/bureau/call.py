"""A call by its script: what to say, what to ask, whom it goes to, and what became of it."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.base.actors import Door
from nightdesk.calls import bureau_actions as actions
from nightdesk.calls import bureau_queries as queries
from nightdesk.calls import scripts
from nightdesk.calls.bureau_models import BureauMessage
from nightdesk.console.views.bureau.shown import (
    OUTCOMES,
    TEST,
    number_of,
    one_message,
    proof_events,
    sees_addresses,
    title_of,
)
from nightdesk.console.views.calls.shown import holds_of
from nightdesk.console.views.checked import checked
from nightdesk.console.views.fragments import page_or_part
from nightdesk.console.views.staff import StaffRequest, done, may, posting, staff
from nightdesk.people.numbers import display

URGENCIES = {
    scripts.URGENT: gettext_lazy("It stops their work: somebody is to be told now"),
    scripts.NORMAL: gettext_lazy("It can wait until the morning"),
}


class StepForm(forms.Form):
    """The one field of a step; what it is hangs on the step's kind."""

    def __init__(self, *args: Any, step: scripts.Step, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["value"] = _field(step)


def _field(step: scripts.Step) -> forms.Field:
    about: dict[str, Any] = {"label": step.label, "required": step.required}
    here = {"autofocus": True, "autocomplete": "off"}
    if step.kind == "urgency":
        chips = forms.RadioSelect(attrs={"autofocus": True})
        return forms.ChoiceField(**about, choices=list(URGENCIES.items()), widget=chips)
    if step.kind == "choice":
        choices = [(one, one) for one in step.choices]
        return forms.ChoiceField(**about, choices=choices, widget=forms.RadioSelect(attrs={"autofocus": True}))
    if step.kind == "text":
        return forms.CharField(**about, max_length=2000, widget=forms.Textarea(attrs={"rows": 3, **here}))
    if step.kind == "number":
        return forms.CharField(**about, max_length=30, widget=forms.TextInput(attrs={"inputmode": "tel", **here}))
    return forms.CharField(**about, max_length=160, widget=forms.TextInput(attrs=here))


class OutcomeForm(forms.Form):
    """How a call ended: with a message where one was kept, and only there."""

    outcome = forms.ChoiceField(label=gettext_lazy("How did the call end?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, kept: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(key, text) for key, text in OUTCOMES.items() if (key == "message") == kept]
        self.fields["outcome"].choices = choices  # type: ignore[attr-defined]
        self.initial = {"outcome": choices[0][0]} if kept else {}

    remark = forms.CharField(label=gettext_lazy("Remark"), max_length=300, required=False)


class WhomForm(forms.Form):
    to = forms.ChoiceField(label=gettext_lazy("To"))

    def __init__(self, *args: Any, people: list[queries.OnCall], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [(one.key, one.name) for one in people if one.ways]  # type: ignore[attr-defined]


class WhyForm(forms.Form):
    why = forms.CharField(label=gettext_lazy("Why it has to go again"), max_length=300)


class SpokenForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Whom you spoke to"), max_length=120)


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("The code that they read to you"),
        max_length=6,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


@staff("read_bureau")
def message(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """The call's one screen, from the greeting to the last word of what became of it."""
    row = one_message(request, message_id)
    proof = queries.proof_of(row)
    context = {"here": "bureau", "message": row, "heading": title_of(row), **_became(request, row, proof)}
    if request.GET.get("part") != "proof":
        context |= _asks(request, row, proof) | _beside(request, row)
    return page_or_part(request, "bureau_message", {"proof"}, context)


def _asks(request: StaffRequest, row: BureauMessage, proof: queries.Proof) -> dict[str, Any]:
    """The script: each step with what was answered, and the one that is open."""
    steps, answers = queries.steps_of(row), queries.answers_of(row)
    writes = may(request, "answer_step", row.client.brand_id)
    open_to_change = writes and scripts.may_correct(row.state, arrived=proof.is_locked)
    wanted = request.GET.get("step", "")
    following = scripts.next_step(steps, answers)
    current = following.key if following else ""
    if open_to_change and wanted in {step.key for step in steps}:
        current = wanted
    shown = [
        _step(row, step, answers.get(step.key), here=open_to_change and step.key == current, asks=open_to_change)
        for step in scripts.asked(steps, answers)
    ]
    left = scripts.missing(steps, answers)
    return {
        "steps": shown,
        "writes": writes,
        "may_save": writes and row.saved_at is None and row.ended_at is None and not left,
        "all_done": following is None,
        "is_open": row.state == "open",
        "corrects": open_to_change and row.saved_at is not None,
    }


def _step(
    row: BureauMessage, step: scripts.Step, answer: scripts.Answer | None, *, here: bool, asks: bool
) -> dict[str, Any]:
    value = answer.value if answer else ""
    shown = display(value, row.client.brand.region) if step.kind == "number" and value else value
    initial = shown or (number_of(row) if step.kind == "number" else "")
    if step.kind == "urgency":
        shown = str(URGENCIES.get(value, value))
    return {
        "key": step.key,
        "kind": step.kind,
        "label": step.label,
        "says": step.says,
        "required": step.required,
        "value": shown,
        "raw": value,
        "done": scripts.is_done(step, answer),
        "skipped": bool(answer and answer.skipped),
        "here": here,
        "form": StepForm(initial={"value": value if step.kind != "number" else initial}, step=step) if here else None,
        "read_back": scripts.read_back(shown) if step.kind == "number" and value else "",
        "url": reverse("console:bureau_answer", args=[row.pk, step.key]) if asks else "",
        "change_url": f"?step={step.key}" if asks and answer is not None and not here else "",
    }


def _beside(request: StaffRequest, row: BureauMessage) -> dict[str, Any]:
    """What stands beside the script: whom it goes to, what may be said, who calls."""
    client = row.client
    seen = queries.seen_of(row.customer, row.contact, request.at) if row.customer else None
    return {
        "greeting": row.version.greeting,
        "script": row.version,
        "note": queries.note_now(client, request.at),
        "client": client,
        "number": number_of(row),
        "seen": seen,
        "statements": list(seen.statements) if seen else [text for _outage, text in queries.statements_of(client)],
        "on_list": queries.on_call_list(client, request.at),
        "test": TEST if row.test else None,
        "others": [
            each for each in queries.in_hand(request.person.pk if request.person else None) if each.pk != row.pk
        ],
    }


def _became(request: StaffRequest, row: BureauMessage, proof: queries.Proof) -> dict[str, Any]:
    """What is proved, and what may be done about it."""
    text, tone = queries.state_in_words(row, proof)
    brand = row.client.brand_id
    people = queries.on_call_list(row.client, request.at)
    kept = row.saved_at is not None and not row.test
    reachable = kept and any(one.ways for one in people)
    return {
        "state": {"text": text, "tone": tone},
        "proof": proof,
        "events": proof_events(row, proof, addresses=sees_addresses(request, row.client)),
        "outcome": OUTCOMES.get(row.outcome, ""),
        "outcome_form": OutcomeForm(kept=row.saved_at is not None)
        if row.ended_at is None and may(request, "wrap_up_bureau_message", brand)
        else None,
        "through": WhomForm(people=[one for one in people if one.person_id is not None], prefix="through")
        if _talks_here(row) and any(one.person_id for one in people) and may(request, "put_caller_through", brand)
        else None,
        "holds": [
            {"label": label, "url": reverse(f"console:{verb}", args=[row.call_id]), "icon": icon}
            for verb, label, icon in (holds_of(row.call) if row.call is not None else ())
            if may(request, verb, brand)
        ],
        "relays": kept and row.state == "undelivered" and may(request, "relay_bureau_message", brand),
        "sets_back": WhyForm()
        if kept and row.state in ("relayed", "acknowledged") and may(request, "set_back_bureau_message", brand)
        else None,
        "resends": WhomForm(people=people) if reachable and may(request, "resend_bureau_message", brand) else None,
        "proves": WhomForm(people=people, prefix="code")
        if reachable and may(request, "read_out_bureau_message", brand)
        else None,
        "code_form": CodeForm() if row.proof and row.proof_until and row.proof_until > request.at else None,
        "spoken": SpokenForm()
        if kept and proof.acknowledged_at is None and may(request, "acknowledge_bureau_message", brand)
        else None,
        "closes": kept and row.state != "closed" and may(request, "close_bureau_message", brand),
        "ticket_url": reverse("console:ticket", args=[row.ticket_id])
        if row.ticket_id and may(request, "read_tickets", brand)
        else "",
        "page_url": reverse("console:page", args=[row.page_id]) if row.page_id else "",
    }


def _talks_here(row: BureauMessage) -> bool:
    """Whether the caller is on our own exchange just now, so that they can be put through."""
    call = row.call
    return call is not None and call.ended_at is None and call.state.get("stage") in queries.TALKING


def _back(row: BureauMessage) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("console:bureau_message", args=[row.pk])
    )  # a fragment would keep the focus away


@posting("answer_step")
def answer(request: StaffRequest, message_id: UUID, key: str) -> HttpResponse:
    """What the caller said to one step. An account is looked up as it is noted."""
    row = one_message(request, message_id)
    doing: dict[str, Any] = {"by": request.actor, "via": Door.WEB, "at": request.at}
    step = next((one for one in queries.steps_of(row) if one.key == key), None)
    value = request.POST.get("value", "")
    skips, sure = "skip" in request.POST, "sure" in request.POST
    if step is not None and step.kind == "account" and value.strip() and not skips:
        found = actions.check_caller(message_id=row.pk, typed=value, **doing)
        value = f"{found.name} ({found.ref})" if found else value
        if found is None:
            text = _(
                "No one account is called so. It is noted as the caller said it; ask for the whole number or name."
            )
            messages.add_message(request, messages.WARNING, text)
    if step is not None and step.kind == "say":
        sure = True
    if sure and step is not None and step.kind == "number":
        value = queries.answers_of(row)[key].value if key in row.answers else value
    actions.answer_step(message_id=row.pk, key=key, value="" if skips else value, sure=sure, skipped=skips, **doing)
    return _back(row)


@posting("put_caller_through")
def put_through(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """Somebody of the list is rung, and has the caller then."""
    row = one_message(request, message_id)
    people = queries.on_call_list(row.client, request.at)
    asked = _("You wanted to put the caller through.")
    values = checked(WhomForm(request.POST, people=people, prefix="through"), asked)
    actions.put_caller_through(message_id=row.pk, to=values["to"], by=request.actor, via=Door.WEB, at=request.at)
    text = _("They are rung now. You are out of the call once they have the caller.")
    return done(request, text, "console:bureau_message", row.pk)


@posting("save_bureau_message")
def save(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """The message is kept, and goes out."""
    row = one_message(request, message_id)
    saved = actions.save_bureau_message(message_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    said = _("Kept, and on its way. Tell the caller that they are called back.")
    if saved.test:
        said = _("The test call is done; nothing left the house. The version can be approved now.")
    messages.add_message(request, messages.SUCCESS, said)
    return HttpResponseRedirect(reverse("console:bureau_message", args=[row.pk]))


@posting("wrap_up_bureau_message")
def wrap_up(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """The end of the call."""
    row = one_message(request, message_id)
    values = checked(OutcomeForm(request.POST, kept=row.saved_at is not None), _("You wanted to end the call."))
    actions.wrap_up_bureau_message(message_id=row.pk, **values, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("The call is wrapped up."), "console:bureau")


@posting("relay_bureau_message")
def relay(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """What reached nobody goes out again."""
    row = one_message(request, message_id)
    actions.relay_bureau_message(message_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("It goes out again."), "console:bureau_message", row.pk)


@posting("resend_bureau_message")
def resend(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """Once more to somebody of the list."""
    row = one_message(request, message_id)
    people = queries.on_call_list(row.client, request.at)
    values = checked(WhomForm(request.POST, people=people), _("You wanted to send the message again."))
    actions.resend_bureau_message(message_id=row.pk, to=values["to"], by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Sent again."), "console:bureau_message", row.pk)


@posting("read_out_bureau_message")
def send_code(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """A code to whoever rings in and says that they are somebody of the list."""
    row = one_message(request, message_id)
    people = queries.on_call_list(row.client, request.at)
    asked = _("You wanted to prove who rings.")
    values = checked(WhomForm(request.POST, people=people, prefix="code"), asked)
    actions.ask_engineers_code(message_id=row.pk, to=values["to"], by=request.actor, via=Door.WEB, at=request.at)
    text = _("A code is on its way to them. Let them read it to you.")
    return done(request, text, "console:bureau_message", row.pk)


@posting("read_out_bureau_message")
def read_out(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """The code that they read; right, and the message may be read to them."""
    row = one_message(request, message_id)
    values = checked(CodeForm(request.POST), _("You wanted to prove who rings."))
    right = actions.read_out_bureau_message(
        message_id=row.pk, code=values["code"], by=request.actor, via=Door.WEB, at=request.at
    )
    text = _("It is {name}: read the message out.").format(name=row.proof_of)
    if not right:
        text = _("That is not the code. Read nothing out.")
    level = messages.SUCCESS if right else messages.WARNING
    return done(request, text, "console:bureau_message", row.pk, level=level)


@posting("acknowledge_bureau_message")
def spoken(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """Somebody has it from the operator's mouth."""
    row = one_message(request, message_id)
    values = checked(SpokenForm(request.POST), _("You wanted to say who has the message."))
    actions.acknowledge_bureau_message(
        message_id=row.pk, name=values["name"], by=request.actor, via=Door.WEB, at=request.at
    )
    return done(request, _("{name} has it.").format(name=values["name"]), "console:bureau_message", row.pk)


@posting("set_back_bureau_message")
def set_back(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """Back to undelivered, so that it can be put right."""
    row = one_message(request, message_id)
    values = checked(WhyForm(request.POST), _("You wanted to set the message back."))
    actions.set_back_bureau_message(message_id=row.pk, why=values["why"], by=request.actor, via=Door.WEB, at=request.at)
    text = _("It counts as undelivered. Put it right, then hand it on again.")
    return done(request, text, "console:bureau_message", row.pk)


@posting("close_bureau_message")
def close(request: StaffRequest, message_id: UUID) -> HttpResponse:
    """Nothing more is owed on it."""
    row = one_message(request, message_id)
    actions.close_bureau_message(message_id=row.pk, by=request.actor, via=Door.WEB, at=request.at)
    return done(request, _("Closed."), "console:bureau_message", row.pk)
