"""Spares: never fewer than none. Briefings: who has not yet read it is known, and is told."""

from datetime import timedelta

import pytest

from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.journal.models import Entry
from nightdesk.knowledge import briefing_actions, queries, spare_actions
from nightdesk.knowledge.models import Briefing, Spare
from nightdesk.knowledge.tests.conftest import Office
from nightdesk.people import actions as people


def spare(office: Office, **more: object) -> Spare:
    wanted = {"brand_id": office.brand.pk, "site": "Dock Street", "what": "SFP+ LR", "count": 3, "low_at": 1}
    return spare_actions.save_spare(**wanted | more, **office.doing(office.bo))  # type: ignore[arg-type]


def test_taking_out_and_putting_back_change_the_number_and_never_below_none(office: Office) -> None:
    row = spare(office)
    spare_actions.take_spare(spare_id=row.pk, number=2, why="for sw2", **office.doing(office.bo))
    row.refresh_from_db()
    assert (row.count, row.is_low) == (1, True)
    with pytest.raises(IllegalTransition, match="1 are known to be there"):
        spare_actions.take_spare(spare_id=row.pk, number=2, **office.doing(office.bo))
    spare_actions.return_spare(spare_id=row.pk, number=1, **office.doing(office.bo))
    row.refresh_from_db()
    assert (row.count, row.is_low) == (2, False)
    for number in (0, -1, 10**9):
        with pytest.raises((Invalid, IllegalTransition)):
            spare_actions.take_spare(spare_id=row.pk, number=number, **office.doing(office.bo))
    entry = Entry.objects.get(kind=spare_actions.SPARE_TAKEN)
    assert (entry.facts["number"], entry.facts["left"]) == (2, 1)


def test_counting_says_what_is_there_and_who_looked(office: Office) -> None:
    row = spare(office)
    office.at += timedelta(days=1)
    spare_actions.count_spare(spare_id=row.pk, count=0, **office.doing(office.al))
    row.refresh_from_db()
    assert (row.count, row.counted_by, row.counted_at) == (0, "Al", office.at)
    assert list(queries.low_spares(Spare.objects.all())) == [row]


def test_a_change_of_the_row_leaves_the_number_alone_and_a_second_of_the_same_is_refused(office: Office) -> None:
    row = spare(office)
    spare(office, spare_id=row.pk, count=99, place="shelf 3")
    row.refresh_from_db()
    assert (row.count, row.place) == (3, "shelf 3")
    spare(office)
    with pytest.raises(Invalid, match="on the list already"):
        spare(office)
    with pytest.raises(Forbidden):
        spare_actions.remove_spare(spare_id=row.pk, **office.doing(office.bo))
    spare_actions.remove_spare(spare_id=row.pk, **office.doing(office.mo))


def briefing(office: Office, **more: object) -> Briefing:
    wanted = {
        "brand_id": office.brand.pk,
        "title": "New voice platform",
        "body": "Read **all** of it.",
        "due_at": office.at + timedelta(days=7),
        "team_ids": [office.team.pk],
    }
    return briefing_actions.make_briefing(**wanted | more, **office.doing(office.mo))  # type: ignore[arg-type]


def missing(row: Briefing) -> list[str]:
    return [person.name for person in queries.unconfirmed([row])[row.pk]]


def test_those_who_must_read_it_are_told_at_once_and_reminded_until_they_have(office: Office) -> None:
    row = briefing(office, person_ids=[office.mo.pk])
    assert missing(row) == ["Al", "Bo", "Mo"]
    office.later(timedelta(minutes=1))
    assert sorted(office.told) == [(name, "Please read: New voice platform") for name in ("Al", "Bo", "Mo")]
    briefing_actions.confirm_briefing(briefing_id=row.pk, **office.doing(office.bo))
    assert [each.pk for each in queries.briefings_waiting_for(office.al.pk)] == [row.pk]
    assert queries.briefings_waiting_for(office.bo.pk) == []
    office.later(timedelta(days=2))
    assert sorted(name for name, _title in office.told[3:]) == ["Al", "Mo"]
    for who in (office.al, office.mo, office.mo):
        briefing_actions.confirm_briefing(briefing_id=row.pk, **office.doing(who))
    assert not Promise.objects.filter(kind=briefing_actions.REMIND, ended_at=None).exists()
    assert office.later(timedelta(days=30)) == []


def test_whoever_joins_the_team_must_read_it_too_and_whoever_left_need_not(office: Office) -> None:
    row = briefing(office)
    people.set_team_members(
        team_id=office.team.pk, person_ids=[office.mo.pk, office.al.pk], manager_id=office.mo.pk, **office.doing()
    )
    assert missing(row) == ["Al", "Mo"]
    people.deactivate_person(person_id=office.al.pk, **office.doing())
    assert missing(row) == ["Mo"]


def test_a_manager_has_them_reminded_now_and_closing_ends_it(office: Office) -> None:
    row = briefing(office, remind_days=0)
    assert office.later(timedelta(days=20)) == ["Told 2."]
    briefing_actions.remind_briefing(briefing_id=row.pk, **office.doing(office.mo))
    assert office.later(timedelta(days=1)) == ["Told 2."]
    with pytest.raises(Forbidden):
        briefing_actions.close_briefing(briefing_id=row.pk, **office.doing(office.bo))
    briefing_actions.close_briefing(briefing_id=row.pk, **office.doing(office.mo))
    with pytest.raises(IllegalTransition, match="closed"):
        briefing_actions.remind_briefing(briefing_id=row.pk, **office.doing(office.mo))
    assert queries.briefings_waiting_for(office.bo.pk) == []


def test_who_joins_the_team_after_everybody_has_confirmed_is_told_then_and_reminded(office: Office) -> None:
    row = briefing(office)
    office.later(timedelta(0))
    for who in (office.bo, office.al):
        briefing_actions.confirm_briefing(briefing_id=row.pk, **office.doing(who))
    office.told.clear()
    ids = [office.bo.pk, office.al.pk, office.mo.pk]
    people.set_team_members(team_id=office.team.pk, person_ids=ids, manager_id=office.mo.pk, **office.doing())
    assert office.later(timedelta(0)) == ["Told of 1 briefings."]
    assert office.told == [("Mo", f"Please read: {row.title}")]
    office.later(timedelta(days=3))
    assert len(office.told) == 2


def test_a_briefing_that_nobody_must_read_or_that_is_due_in_the_past_is_refused(office: Office) -> None:
    for more in ({"team_ids": []}, {"due_at": office.at}, {"remind_days": -1}, {"title": " "}):
        with pytest.raises(Invalid):
            briefing(office, **more)
    with pytest.raises(NotFound):
        briefing(office, person_ids=[10**9])


def test_only_somebody_of_ours_confirms(office: Office) -> None:
    row = briefing(office)
    with pytest.raises(Invalid):
        briefing_actions.confirm_briefing(briefing_id=row.pk, **office.doing())
