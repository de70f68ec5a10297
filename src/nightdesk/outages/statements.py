"""Statements: checked, filled in from the record, and made into the messages that carry them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.base.refusals import Invalid
from nightdesk.knowledge import phrases
from nightdesk.outages import decide, queries, wording
from nightdesk.outages.audience_query import Wording
from nightdesk.outages.claims import About, claims_in, is_read
from nightdesk.outages.effect import Effect
from nightdesk.outages.models import Outage, Update

LONGEST = 2000
"""Characters of a statement."""
CHANNELS = ("email", "sms", "push", "webhook")
PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Made:
    """What an update becomes: its messages by key ("en-gb:3:sms"), and what they are filled in with."""

    drafts: Mapping[str, wording.Draft]
    wording: Wording


def checked(asked: str, texts: Mapping[str, str], language: str) -> dict[str, str]:
    """The texts without blanks around them. Raises Invalid where the brand's `language` is missing, where one is empty or too
    long, and for a placeholder that is not known.
    """
    found = {one: text.strip() for one, text in texts.items() if text.strip()}
    if language not in found:
        raise Invalid(
            asked,
            _("It says nothing in {language}, the brand's own language.").format(language=language),
            _("Write at least that."),
            field="texts",
        )
    for one, text in found.items():
        if len(text) > LONGEST:
            raise Invalid(
                asked,
                _("The text in {language} has {count} characters; {most} is the most.").format(
                    language=one, count=len(text), most=LONGEST
                ),
                _("Make it shorter."),
                field="texts",
            )
        try:
            phrases.check(text, tuple(wording.PLACEHOLDERS))
        except phrases.Unusable as error:
            raise Invalid(
                asked,
                _("{wrong} is no placeholder of a statement.").format(wrong=error.wrong),
                _("There are {known}.").format(known=", ".join(f"{{{{ {name} }}}}" for name in wording.PLACEHOLDERS)),
                field="texts",
            ) from error
    return found


def kind_of(outage: Outage, state: str, *, corrects: bool) -> str:
    """What kind of update that a person writes takes the outage to `state`. One that ends it is the end, whatever it corrects."""
    if corrects and not (outage.is_open and state in decide.OVER):
        return Update.Kind.CORRECTION
    if state == "withdrawn":
        return Update.Kind.WITHDRAWAL
    if state == "resolved":
        return Update.Kind.RESOLUTION if outage.is_open else Update.Kind.POST_INCIDENT
    return Update.Kind.UPDATE


def filled(outage: Outage, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts with what the record supports in the places of placeholders, each in its own language."""
    parts = queries.public_names(outage)
    found = {}
    for language, text in texts.items():
        with wording.in_language(language):
            values = {
                "what": parts or _("some of our services"),
                "engineer": wording.engineer() if outage.fixer_id is not None else "",
                "found": wording.found() if outage.state in ("identified", "monitoring", "resolved") else "",
            }
        found[language] = " ".join(phrases.render(text, values).split(" ")).strip()
    return found


def unsupported(outage: Outage, texts: Mapping[str, str], state: str) -> tuple[str, ...]:
    """What the texts say about people and causes that the record does not support once they take the outage to `state`; and, as
    long as it does not support everything, each language in which nobody can tell, but for words of our own.
    """
    missing = frozenset(About) - _supported(outage, state)
    return tuple(
        dict.fromkeys(warning for language, text in texts.items() for warning in _warnings(language, text, missing))
    )


def unsupported_at_any_time(texts: Mapping[str, str]) -> tuple[str, ...]:
    """What the texts say about people and causes, whatever the record will be when they are told."""
    bare = dict.fromkeys(wording.PLACEHOLDERS, "")
    claims = [claim for text in texts.values() for claim in claims_in(phrases.render(text, bare))]
    return tuple(dict.fromkeys(wording.unsupported(claim) for claim in claims))


def _supported(outage: Outage, state: str) -> frozenset[About]:
    """What the record says once the outage is in `state`."""
    is_identified = state in ("identified", "monitoring", "resolved")
    found = {About.CAUSE, About.REPAIRED} if is_identified else set()
    return frozenset(found | ({About.PEOPLE} if outage.fixer_id is not None else set()))


def _warnings(language: str, text: str, missing: Collection[About]) -> Iterator[str]:
    for claim in claims_in(text):
        if claim.about in missing:
            yield wording.unsupported(claim)
    if missing and not is_read(language) and text not in _own_words(language):
        yield wording.unread(language)


def _own_words(language: str) -> Collection[str]:
    """What goes out without a writer, in that language."""
    with wording.in_language(language):
        return {wording.no_change(), wording.holding(), wording.never_was()}


def in_every_language(languages: Collection[str], words: Callable[[], str]) -> dict[str, str]:
    """What `words` makes in each of the languages."""
    found = {}
    for language in languages:
        with wording.in_language(language):
            found[language] = words()
    return found


def made(outage: Outage, update: Update) -> Made:
    """The messages of a published update, for every language, effect and channel; and their fillings for every zone."""
    own = outage.brand.language
    readers, zones = queries.languages_and_zones(outage)
    spoken_as = {language: _language_for(language, update.texts, own) for language in readers}
    languages = sorted({own, *spoken_as.values()})
    touched = queries.services_touched(outage.pk)
    drafts: dict[str, wording.Draft] = {}
    said: dict[str, dict[str, str]] = {"next": {}, "estimate": {}}
    counted: dict[str, dict[str, str]] = {}
    assert update.published_at is not None  # only what is published is sent
    said_at = {"next": update.next_at, "estimate": update.estimate_at}
    times = [name for name, instant in said_at.items() if instant is not None]
    for language in languages:
        with wording.in_language(language):
            for effect in Effect:
                for channel in CHANNELS:
                    drafts[f"{language}:{int(effect)}:{channel}"] = wording.draft(
                        effect,
                        channel,
                        update.texts[language],
                        kind=update.kind,
                        brand=outage.brand.name,
                        name=outage.name,
                        times=times,
                    )
            drafts[f"{language}:{PUBLIC}:email"] = wording.public_draft(
                outage.public_title,
                update.texts[language],
                kind=update.kind,
                state=update.state,
                brand=outage.brand.name,
                name=outage.name,
                times=times,
            )
            counted[language] = {str(int(effect)): wording.counted(effect) for effect in Effect}
            for zone in zones:
                _say_times(said, f"{language} {zone}", update, update.published_at, zone)
    return Made(
        drafts,
        Wording(
            language=own,
            spoken_as=spoken_as,
            phrases=queries.phrases_of(outage.brand_id, touched, languages),
            counted=counted,
            tickets=in_every_language(languages, wording.ticket_words),
            next=said["next"],
            estimate=said["estimate"],
        ),
    )


def _say_times(said: Mapping[str, dict[str, str]], key: str, update: Update, now: datetime, zone: str) -> None:
    said["next"][key] = wording.next_words(update.next_at, now, zone)
    said["estimate"][key] = wording.estimate_words(update.estimate_at, now, zone)


def _language_for(language: str, texts: Mapping[str, str], own: str) -> str:
    """Of the languages that the statement is in, the best for a reader of `language`."""
    return next((one for one in phrases.languages_to_try(language) if one in texts), own)
