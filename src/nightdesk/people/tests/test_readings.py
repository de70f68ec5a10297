"""What is read of somebody is noted once, whoever looks at the same moment."""

from threading import Thread

import pytest
from django.db import connection

from nightdesk.access.queries import OPERATOR
from nightdesk.base import clock
from nightdesk.base.actors import Actor, Door
from nightdesk.journal.models import Entry
from nightdesk.people.actions import make_person
from nightdesk.people.reading_actions import What, note_read


@pytest.mark.django_db(transaction=True)
def test_two_readings_at_one_moment_are_one_entry():
    at = clock.now().replace(minute=10)
    doing = {"by": OPERATOR, "via": Door.CLI, "at": at}
    ann, bo = (make_person(name=name, **doing).id for name in ("Ann", "Bo"))
    reader = Actor("person", str(ann), "Ann")

    def read(ids: tuple[int, ...]) -> None:
        note_read(person_ids=ids, what=What.LOAD, by=reader, via=Door.WEB, at=at)
        connection.close()

    threads = [Thread(target=read, args=(ids,)) for ids in ((ann, bo), (bo, ann), (bo,))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    entries = Entry.objects.filter(kind="person.read", by_id=str(ann), subject_id=str(bo), at=at)
    assert [entry.facts["name"] for entry in entries] == ["Bo"]
    assert not Entry.objects.filter(kind="person.read", subject_id=str(ann), at=at).exists()
