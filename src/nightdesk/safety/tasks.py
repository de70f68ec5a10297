"""What the worker calls when a step of a visit falls due or something follows, and what an answer to our question does."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from nightdesk.base.actors import SCHEDULER, Actor, Door
from nightdesk.base.models import Promise
from nightdesk.base.promises import Handler
from nightdesk.base.refusals import Refusal
from nightdesk.channels.answering import Verb
from nightdesk.channels.answers import PHRASES, carrier_word
from nightdesk.journal.models import Entry
from nightdesk.people.queries import actor_of_person
from nightdesk.safety import actions, duress, queries, telling, wording
from nightdesk.safety.decide import Sign
from nightdesk.safety.models import Visit


def keep_watch(promise: Promise, at: datetime) -> str:
    """Keep a `safety.watch` promise."""
    return actions.keep_watch(visit_id=UUID(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


def note_page(promise: Promise, at: datetime) -> str:
    """Keep a `safety.note_page` promise, which follows from what was done about a page."""
    return actions.note_visit_page(
        page_id=UUID(promise.subject_id),
        entry_id=UUID(promise.facts["entry"]),
        by=SCHEDULER,
        via=Door.WORKER,
        at=at,
    )


def note_call(promise: Promise, at: datetime) -> str:
    """Keep a `safety.note_call` promise: somebody answered a call, which shows them awake."""
    entry = Entry.objects.filter(id=UUID(promise.facts["entry"])).first()
    person_id = entry.facts.get("person_id") if entry is not None else None
    if entry is None or person_id is None:
        return "Nobody of ours answered."
    seen = actions.note_visit_sign(
        person_id=int(person_id), sign=Sign.CALL, sign_at=entry.at, by=SCHEDULER, via=Door.PHONE, at=at
    )
    return "A visitor is awake." if seen is not None else "They are on no visit."


def follow_watch(promise: Promise, at: datetime) -> str:
    """Keep a `safety.follow_watch` promise: a seat has another holder."""
    return actions.follow_watch(seat_id=int(promise.subject_id), by=SCHEDULER, via=Door.WORKER, at=at)


HANDLERS = {
    actions.WATCH: Handler(keep_watch, lane="page", give_up_after=None),
    actions.NOTE_PAGE: Handler(note_page, lane="page", give_up_after=None),
    actions.NOTE_CALL: Handler(note_call, lane="follow"),
    actions.FOLLOW_WATCH: Handler(follow_watch, lane="follow", give_up_after=None),
}
"""For `wiring`."""


# --- What answers do -------------------------------------------------------------------------------------------------


def _said(do: Callable[[], Visit]) -> str:
    try:
        return wording.thanks(do())
    except Refusal as refusal:
        return f"{refusal.so} {refusal.do}"


def answer_check_in(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """They are well; the sentence to say back."""
    return _said(lambda: actions.check_in_visit(visit_id=UUID(subject_id), words=text, by=by, via=via, at=at))


def answer_help(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """They need help. By telephone the sentence is that of a check-in: whoever listens with them hears nothing else."""
    try:
        row = actions.call_for_help(visit_id=UUID(subject_id), words=text, by=by, via=via, at=at)
    except Refusal as refusal:
        return f"{refusal.so} {refusal.do}"
    if via is Door.PHONE:
        return wording.thanks(row)
    return _("{watcher} and the duty manager are told now. {danger}").format(
        watcher=row.watcher.name, danger=queries.WE_NEVER_RING
    )


def answer_back(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """They are back safe."""
    return _said(lambda: actions.end_visit(visit_id=UUID(subject_id), words=text, by=by, via=via, at=at))


def answer_note(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:
    """What they wrote that we do not understand; whoever watches reads it."""
    try:
        row = actions.note_visit_words(visit_id=UUID(subject_id), words=text, by=by, via=via, at=at)
    except Refusal as refusal:
        return f"{refusal.so} {refusal.do}"
    return _("{watcher} reads that. Are you well? Reply OK.").format(watcher=row.watcher.name)


def answer_stands(subject_id: str, text: str, by: Actor, via: Door, at: datetime) -> str:  # noqa: ARG001
    """How the visit stands, as they may see it; changes nothing."""
    row = queries.visits().filter(id=UUID(subject_id)).first()
    if row is None:
        return _("That visit is forgotten.")
    return wording.stands(queries.as_seen_by(row, by.person_id), row.person)


ANSWERS: Mapping[str, Verb] = {
    telling.CHECK_IN: answer_check_in,
    telling.HELP: answer_help,
    telling.BACK: answer_back,
    telling.NOTE: answer_note,
    telling.STANDS: answer_stands,
}


def hear_duress(person_id: int, words: str, via: Door, at: datetime) -> str | None:
    """The duress word in whatever a visitor writes, before anything else is read in it; for `answering.LISTENERS`. Of a visit
    that is to begin within a day it begins it.
    """
    row = queries.visit_of(person_id) or queries.planned_of(person_id, at + actions.LONGEST_AWAY)
    if row is None or not queries.gives_duress(person_id, words):
        return None
    by = actor_of_person(person_id)
    if row.state == Visit.State.OUT and set(duress.words_of(words)) & set(PHRASES["resolve"]):
        return _said(lambda: actions.end_visit(visit_id=row.pk, words=words, by=by, via=via, at=at))
    return _said(lambda: actions.check_in_visit(visit_id=row.pk, words=words, by=by, via=via, at=at))


def hear_help(person_id: int, words: str, via: Door, at: datetime) -> str | None:
    """HELP from a visitor, or from one who is to leave within the hour, which is a word of the carriers' otherwise, is a call for
    help; for `answering.LISTENERS`.
    """
    if carrier_word(words) != "help" or duress.words_of(words) == ["info"]:
        return None
    row = queries.visit_of(person_id) or queries.planned_of(person_id, at + actions.HELP_BEFORE)
    return answer_help(str(row.pk), words, actor_of_person(person_id), via, at) if row is not None else None
