"""What is said of a visit: to the visitor, to whoever watches, and in the emergency note. No page's title names the place."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nightdesk.people.models import Person
from nightdesk.people.numbers import display
from nightdesk.safety import decide, queries
from nightdesk.safety.models import Site, Visit

ASKED = {
    "acknowledge": gettext_lazy("I am well"),
    "decline": gettext_lazy("I need help"),
    "resolve": gettext_lazy("I am back safe"),
    "status": gettext_lazy("how it stands"),
}
"""What the answers to our question mean; for `channels.answering.SAYS`."""


def clock(at: datetime, reader: Person) -> str:
    """The time of day by the reader's clocks, with the zone's name, as an hour comes twice in one night of the year."""
    return f"{at.astimezone(ZoneInfo(reader.zone)):%H:%M %Z}"


def _marked(visit: Visit, words: str) -> str:
    return _("DRILL: {words}").format(words=words) if visit.drill else words


def asking(visit: Visit) -> tuple[str, str]:
    """Title and body of our question."""
    title = _marked(visit, _("Site visit {site}: are you well?").format(site=visit.site.name))
    body = _("{title} Reply OK, or NO if you need help, or DONE once you are back safe. {danger} {link}").format(
        title=title, danger=queries.EMERGENCY, link="{link}"
    )
    return title, body


def ringing(visit: Visit) -> str:
    """What the telephone reads out."""
    words = _("Site visit {site}: you have not answered. Are you well? {danger}").format(
        site=visit.site.name, danger=queries.EMERGENCY
    )
    return _marked(visit, words)


def watching(visit: Visit) -> tuple[str, str]:
    """What whoever is to watch is told when it begins."""
    title = _("You watch {name}, who is away to {site} until {time}").format(
        name=names(visit), site=visit.site.name, time=clock(visit.back_by_at, visit.watcher)
    )
    body = _("They are asked every {minutes} minutes whether they are well. If they fall silent you are rung.").format(
        minutes=int(visit.every.total_seconds() // 60)
    )
    return _marked(visit, title), body


def names(visit: Visit) -> str:
    """Who is there."""
    return _(" and ").join(person.name for person in visit.people)


def page_title(visit: Visit) -> str:
    """The alarm as a page says it. Under duress it says nothing that whoever holds the visitor's telephone may not read."""
    if visit.alarm == Visit.Alarm.DURESS:
        words = _("Site visit: read the note that was sent to you, now")
    elif visit.alarm == Visit.Alarm.HELP:
        words = _("{name} asks for help on a site visit").format(name=names(visit))
    else:
        words = _("Nothing is heard of {name} on a site visit").format(name=names(visit))
    return _marked(visit, words)


def emergency(visit: Visit, reader: Person) -> tuple[str, str]:
    """Title and body of the emergency note: all that whoever helps must know, the first things first."""
    return _marked(visit, _what_is_wrong(visit, reader)), "\n".join(emergency_lines(visit, reader))


def _what_is_wrong(visit: Visit, reader: Person) -> str:
    about = {"name": names(visit), "site": visit.site.name, "time": clock(visit.sign_at or visit.leaves_at, reader)}
    if visit.alarm == Visit.Alarm.DURESS:
        return _("DURESS: {name} at {site} gave the duress word. Do not ring them. Ring 999 or 112.").format(**about)
    if visit.alarm == Visit.Alarm.HELP:
        return _("HELP: {name} at {site} asks for help.").format(**about)
    return _("Nothing is heard of {name} at {site} since {time}.").format(**about)


def emergency_lines(visit: Visit, reader: Person) -> list[str]:
    """The note's body, a line each."""
    site, region = visit.site, visit.brand.region
    numbers = queries.numbers_of(visit.people_ids, region)
    lines = [security(site, region), str(queries.WE_NEVER_RING)]
    lines.append(_("Where: {address} {map}").format(address=" ".join(site.address.split()), map=site.map_url).strip())
    if visit.alarm != Visit.Alarm.DURESS:
        lines += [f"{person.name}: {', '.join(numbers[person.pk])}" for person in visit.people if numbers[person.pk]]
    lines.append(
        _("Left {left}, due back {back}. Why: {why}").format(
            left=clock(visit.leaves_at, reader), back=clock(visit.back_by_at, reader), why=visit.why
        )
    )
    lines += [_("To know: {words}").format(words=" ".join(site.know.split()))] if site.know else []
    lines += [_("Way in: {words}").format(words=" ".join(site.access_notes.split()))] if site.access_notes else []
    lines.append(_("Watched by {name}.").format(name=visit.watcher.name))
    return [line for line in lines if line]


def security(site: Site, region: str) -> str:
    """Whom to ring first; "" where nobody is named."""
    if not site.security_number:
        return ""
    number = display(site.security_number, region)
    return _("Ring first: {name} {number}").format(
        name=site.security_name or _("the site's security desk"), number=number
    )


def all_clear(visit: Visit, how: str) -> str:
    """What those are told who were alarmed."""
    return _marked(visit, _("{name} is safe: {how}").format(name=names(visit), how=how))


def thanks(visit: Visit) -> str:
    """What is said back to a check-in: the same whether it was one or the duress word."""
    seen = queries.as_seen_by(visit, visit.person_id)
    if seen.state != Visit.State.OUT:
        return _("Thank you. The visit is closed.")
    return _("Thank you. You are asked again at {time}. Reply DONE once you are back safe.").format(
        time=clock(decide.ask_at(seen.watch), visit.person)
    )


def state_in_words(visit: Visit) -> str:
    """How it stands, in a few words."""
    if visit.state == Visit.State.PLANNED:
        return _("not gone yet")
    if visit.state == Visit.State.ENDED:
        return _("back safe")
    if visit.state == Visit.State.CANCELLED:
        return _("called off")
    if visit.alarm == Visit.Alarm.DURESS:
        return _("DURESS WORD GIVEN: do not ring them")
    if visit.alarm == Visit.Alarm.HELP:
        return _("needs help")
    if visit.manager_at is not None:
        return _("silent: the duty manager is told")
    if visit.watcher_at is not None:
        return _("silent: {watcher} is told").format(watcher=visit.watcher.name)
    if visit.rang_at is not None:
        return _("silent: rung")
    if visit.asked_at is not None:
        return _("asked, no answer yet")
    return _("well")


def stands(visit: Visit, reader: Person) -> str:
    """The same with its times, as the visitor is told it."""
    if visit.state != Visit.State.OUT or visit.sign_at is None:
        return state_in_words(visit)
    return _("{site}: last heard of you at {heard}, asked again at {next}. You are to be back by {back}.").format(
        site=visit.site.name,
        heard=clock(visit.sign_at, reader),
        next=clock(decide.ask_at(visit.watch), reader),
        back=clock(visit.back_by_at, reader),
    )
