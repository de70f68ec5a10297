"""What callers and engineers hear, text by text: short, calm, and sayable. Pure; `translated` has them in other languages.

Every text has a name. An operator's own recording may stand in for one that has nothing to fill in (`Line.prompts`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nightdesk.calls.terms import Facts, OnDuty
from nightdesk.lines.exchange import Words


def _(text: str) -> str:
    """Marks a text for the translators."""
    return text


TEXTS: Mapping[str, str] = {
    # What the line says of itself
    "greeting": _("Welcome to {brand}."),
    "danger": _("If anybody is in danger, ring 9 9 9 or 1 1 2."),
    "brand": _("This is {brand}."),
    "menu_choice": _("For {says}, press {key}."),
    # Who is it
    "ask_pin": _("If you have a PIN, please key it, then press hash. If you have none, press star."),
    "ask_staff_pin": _("Please key your PIN, then press hash."),
    "pin_offer": _("If you have a PIN, press star."),
    "wrong_pin": _("That PIN is not right. Please key it again, then press hash. Or press star."),
    "without_pin": _("We go on without a PIN."),
    # A known outage
    "status_said": _("This was said {when}."),
    "status_next": _("We will say more by {when}."),
    "status_late": _("This is {age} old. Newer words were due {when}, and we are asking for them."),
    "status_keys": _(
        "Press 1 to get text messages about it, 2 if you ring about something else, 3 to leave a message."
    ),
    "texts_wanted": _("We will send you text messages about it. Goodbye."),
    "goodbye": _("Thank you for ringing. Goodbye."),
    # A message that waits
    "waiting_since": _("You left a message {when}."),
    "waiting_by": _("We ring you back by {when}."),
    "waiting_again": _("We have noted that you rang again."),
    "waiting_keys": _(
        "Press 1 to add to your message, 2 if it is solved and you need no call, 3 if you ring about something else."
    ),
    "cancelled": _("Thank you. We will not ring you back. Goodbye."),
    # Not covered now
    "not_covered": _("Your contract does not cover this hour."),
    "answer_from": _("We look at it {when}."),
    "workaround": _("Until then: {words}"),
    "call_out": _("If this stops your work, press 1: an engineer is called out, charged at {price}."),
    "leave_for_later": _("Press 2 to leave a message."),
    "call_out_noted": _("Thank you. The call-out is noted."),
    # While telephones ring
    "hunt": _("One moment please, we are ringing an engineer."),
    "hunt_staff": _("Ringing the duty engineer. To hear open pages or leave a note instead, press star."),
    "queue": _("You are number {number} in the queue."),
    "still": _("We are still ringing. You may press 3 to leave a message instead."),
    "desk": _("One moment please, somebody will take your call."),
    # Leaving a message
    "nobody_free": _("Nobody can take your call at this moment."),
    "night": _("It is outside our working hours. Please leave a message, and we ring you back."),
    "told": _("What you say is recorded."),
    "may_decline": _("What you say is recorded. If you do not want that, press 2."),
    "asked": _("May we record what you say? Press 1 for yes, 2 for no."),
    "speak": _("After the tone, please say your name, your number, and what is wrong. Then press hash."),
    "speak_again": _("Please say it again after the tone. Then press hash."),
    "heard_nothing": _("We heard nothing. Please speak after the tone. Then press hash."),
    "you_said": _("You said:"),
    "review": _("Press 1 to keep it, 2 to say it again, 3 to cancel it."),
    "kept": _("Thank you. We ring you back by {when}. Goodbye."),
    "for_later": _("Thank you. We look at it {when}. Goodbye."),
    "added": _("Thank you. It is added to your message. Goodbye."),
    "thrown_away": _("It is thrown away. Goodbye."),
    "declined": _("Nothing is recorded. We ring you back by {when}. Goodbye."),
    "ask_number": _("Nothing is recorded. Please key the number on which we reach you, then press hash."),
    "missed": _("We have noted your call, and ring you back by {when}. Goodbye."),
    "sorry": _("Sorry, we have to end this call now. We have noted it. Goodbye."),
    # What ours hear
    "take_it": _("{caller}, for {brand}. Press 1 to take the call, 2 to decline."),
    "bureau_whisper": _("Call for {brand}. {caller}. Press 1 to take it."),
    "add_whisper": _("You are asked into a call with {caller}, for {brand}. Press 1 to join, 2 to decline."),
    "taken": _("Somebody else has taken the call. Goodbye."),
    "joins": _("{name} joins the call."),
    "listens": _("{name} listens in."),
    "has_left": _("{name} has left the call."),
    "does_not_come": _("{name} does not answer."),
    "still_on_hold": _("The caller is still on hold."),
    "parked_long": _("Thank you for waiting. We are ringing again."),
    "line_broke": _("The line to the engineer broke. We are ringing again."),
    "unknown_caller": _("An unknown caller"),
    "unknown_number": _("An unknown caller, {number}"),
    "somebody": _("A colleague"),
    # Calling back
    "call_back": _("Call-back to {name}, for {brand}. Press 1 to ring them now, 2 to leave it."),
    "call_back_rings": _("Ringing {name}."),
    "call_back_none": _("{name} does not answer. Press 1 to ring again, 2 to leave it for later."),
    "outcome": _("Press 1 if it is solved, 2 if it goes on, 3 if you did not reach them."),
    "noted": _("Noted. Goodbye."),
    # Reading out
    "no_pages": _("No page is open."),
    "page": _("Page {number} of {count}. {says}"),
    "page_taken": _("{name} has it."),
    "page_keys": _("Press 1 to take it, 2 for the next, 3 to hear it again, hash to end."),
    "page_yours": _("You have it now."),
    "on_duty": _("{seat}: {name}."),
    "on_duty_until": _("{seat}: {name}, until {time}."),
    "on_duty_then": _("{seat}: {name}, then {then}."),
    "on_duty_until_then": _("{seat}: {name}, until {time}, then {then}."),
    "note_key": _("To leave a note for the journal, press 4."),
    "speak_note": _("After the tone, please say what you want to note. Then press hash."),
    "note_kept": _("It is in the journal."),
    "note_empty": _("Nothing was noted."),
    "that_was_all": _("That was all. Goodbye."),
    # Times
    "at_time": _("at {time}"),
    "by_time": _("{time}"),
    "by_tomorrow": _("tomorrow at {time}"),
    "by_day": _("{day} at {time}"),
    "tomorrow": _("tomorrow at {time}"),
    "yesterday": _("yesterday at {time}"),
    "on_day": _("on {day} at {time}"),
    "minutes": _("{number} minutes"),
    "one_hour": _("one hour"),
    "hours": _("{number} hours"),
    "days": _("{number} days"),
    "days_of_week": _("Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday"),
}


def words(name: str, facts: Facts, /, **filled: object) -> Words:
    """The text of that name in the caller's language; the operator's recording of it where there is one."""
    language = facts.caller.language or facts.line.language
    recording = facts.line.prompts.get(name, "") if language == facts.line.language and not filled else ""
    return Words(text(name, facts, **filled), language, recording)


def own_words(name: str, own: str, facts: Facts) -> Words:
    """What the operator recorded for the text of that name, else wrote (`own`), else the text."""
    if own or name in facts.line.prompts:
        return Words(
            own or text(name, facts, brand=facts.line.brand), facts.line.language, facts.line.prompts.get(name, "")
        )
    return plain(text(name, facts, brand=facts.line.brand), facts)


def plain(spoken: str, facts: Facts) -> Words:
    """What was written elsewhere, as it is."""
    return Words(spoken, facts.caller.language or facts.line.language)


def text(name: str, facts: Facts, /, **filled: object) -> str:
    """The text of that name, filled in; a translation that cannot be filled in gives way to the English one."""
    try:
        return facts.texts.get(name, TEXTS[name]).format(**filled)
    except (KeyError, IndexError, ValueError):
        return TEXTS[name].format(**filled)


def when(at: datetime, facts: Facts) -> str:
    """An instant as it is said to somebody in the line's zone: "at 04:30", "yesterday at 23:10", "on Monday at 09:00"."""
    return _instant(at, facts, {0: "at_time", 1: "tomorrow", -1: "yesterday"}, "on_day")


def until(at: datetime, facts: Facts) -> str:
    """An instant as it is said after "by": "04:30", "tomorrow at 09:00", "Monday at 09:00"."""
    return _instant(at, facts, {0: "by_time", 1: "by_tomorrow", -1: "yesterday"}, "by_day")


def _instant(at: datetime, facts: Facts, near: Mapping[int, str], else_name: str) -> str:
    zone = ZoneInfo(facts.zone)
    there, here = at.astimezone(zone), facts.at.astimezone(zone)
    name = near.get((there.date() - here.date()).days, else_name)
    days = facts.texts.get("days_of_week", "").split(",")
    if len(days) != 7:
        days = TEXTS["days_of_week"].split(",")
    return text(name, facts, time=there.strftime("%H:%M"), day=days[there.weekday()])


def on_duty(row: OnDuty, facts: Facts) -> Words:
    """Who has the seat, until when, and who comes next, as far as that is known."""
    name = "on_duty" + ("_until" if row.until else "") + ("_then" if row.then else "")
    time = until(row.until, facts) if row.until else ""
    return words(name, facts, seat=row.seat, name=row.name, time=time, then=row.then)


def age(since: datetime, facts: Facts) -> str:
    """How long ago that was, roughly: "40 minutes", "3 hours"."""
    passed = max(facts.at - since, timedelta())
    minutes = round(passed.total_seconds() / 60)
    if minutes < 60:
        return text("minutes", facts, number=minutes)
    if minutes < 48 * 60:
        hours = round(minutes / 60)
        return text("one_hour", facts) if hours == 1 else text("hours", facts, number=hours)
    return text("days", facts, number=round(minutes / 1440))


def caller_is(facts: Facts, number: str) -> str:
    """Who calls, as it is whispered to whoever is rung: a name, else the number digit by digit."""
    if facts.caller.name:
        return facts.caller.name
    if number:
        return text("unknown_number", facts, number=" ".join(number.lstrip("+")))
    return text("unknown_caller", facts)
