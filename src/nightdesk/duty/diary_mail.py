"""Notes by mail: what a colleague writes to `journal+BRAND@` stands in the journal, once it is proved that they wrote it."""

from datetime import datetime

from django.utils.translation import gettext as _

from nightdesk.access.models import Brand
from nightdesk.base.actors import Door
from nightdesk.base.refusals import Refusal
from nightdesk.channels.queries import person_at
from nightdesk.duty.diary_actions import LONGEST, write_journal_note
from nightdesk.mailroom.handing import Arrived, Taken
from nightdesk.mailroom.own_words import own_words
from nightdesk.people.queries import actor_of_person

WORD = "journal"


def is_brand_key(key: str) -> bool:
    """Whether `key` is the short name of a brand of ours."""
    return Brand.objects.filter(slug=key).exists()


def take_note(arrived: Arrived, key: str, at: datetime) -> Taken:
    """A mail to `journal+BRAND@`. What is a machine's, or not proved to be from one of ours, is kept and not written down."""
    person = person_at("email", arrived.letter.from_address)
    checked = arrived.checked
    proven = checked.dmarc == "pass" or (checked.spf == "pass" and checked.dkim == "pass")
    why = arrived.automatic
    if person is None:
        why = why or _("it is from nobody of ours")
    elif not proven:
        why = why or _("nothing proves that it is from {name}").format(name=person.name)
    if why or person is None:
        return Taken("kept", _("It came to the journal's address: {why}.").format(why=why))
    brand = Brand.objects.get(slug=key)
    text = own_words(arrived.letter.text, (arrived.letter.from_name,)) or arrived.letter.text.strip()
    words = f"{arrived.letter.title.strip()}\n{text}".strip()[:LONGEST]
    try:
        entry_id = write_journal_note(
            words=words, brand_id=brand.pk, by=actor_of_person(person.pk), via=Door.EMAIL, at=at
        )
    except Refusal as refusal:
        return Taken("kept", str(refusal))
    return Taken("done", _("Noted for {name}.").format(name=person.name), ("entry", str(entry_id)), brand.pk)
