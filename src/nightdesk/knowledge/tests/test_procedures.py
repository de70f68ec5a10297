"""Procedures: versions, who may publish, where they fit, who has read them, and what is proposed."""

from datetime import timedelta

import pytest
from django.db import connection

from nightdesk.access import actions as access
from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.customers import actions as customers
from nightdesk.journal.models import Entry
from nightdesk.knowledge import actions, queries
from nightdesk.knowledge.fields import ChangedMeanwhile, NotYours
from nightdesk.knowledge.models import Procedure, Version
from nightdesk.knowledge.tests.conftest import STEPS, Office
from nightdesk.people import actions as people


def save(office: Office, row: Procedure, body: str, over: int, **more: object) -> Version:
    who = more.pop("by", office.bo)
    return actions.save_procedure(
        procedure_id=row.pk,
        title="Line is down",
        body=body,
        why="because",
        over=over,
        **office.doing(who),  # type: ignore[arg-type]
    )


def test_each_save_is_a_version_with_who_when_and_why_and_the_shown_one_stays_until_one_is_published(
    office: Office,
) -> None:
    row = office.procedure()
    office.at += timedelta(hours=1)
    saved = save(office, row, "Look first.", 1, by=office.al)
    assert (saved.number, saved.by_name, saved.at, saved.why) == (2, "Al", office.at, "because")
    row.refresh_from_db()
    assert row.published is not None
    assert (row.published.number, row.latest) == (1, 2)
    actions.publish_procedure(procedure_id=row.pk, number=2, **office.doing(office.bo))
    row.refresh_from_db()
    assert row.published.body == "Look first."
    assert [each.number for each in row.versions.all()] == [2, 1]


def test_the_same_words_make_no_new_version(office: Office) -> None:
    row = office.procedure()
    assert save(office, row, STEPS, 1).number == 1
    assert not Entry.objects.filter(kind=actions.PROCEDURE_SAVED).exists()


def test_whoever_saves_over_somebody_elses_words_is_told_and_nothing_is_lost(office: Office) -> None:
    row = office.procedure()
    save(office, row, "Al was here.", 1, by=office.al)
    with pytest.raises(ChangedMeanwhile, match="Al has saved version 2"):
        save(office, row, "Bo was here.", 1)
    assert row.versions.latest("number").body == "Al was here."


def test_an_old_version_is_taken_up_again_as_a_new_one(office: Office) -> None:
    row = office.procedure()
    save(office, row, "Worse.", 1)
    again = actions.restore_procedure(procedure_id=row.pk, number=1, **office.doing(office.al))
    assert (again.number, again.body, again.restored_from) == (3, STEPS.strip(), 1)
    with pytest.raises(IllegalTransition):
        actions.restore_procedure(procedure_id=row.pk, number=3, **office.doing(office.al))


def test_what_is_different_is_told_line_by_line(office: Office) -> None:
    row = office.procedure(body="one\ntwo\nthree")
    newer = save(office, row, "one\n2\nthree", 1)
    older = row.versions.get(number=1)
    told = queries.difference(older, newer.title, newer.body)
    assert [each for each in told if each[0] != "same"] == [("gone", "two"), ("new", "2")]
    assert all(how == "new" for how, _line in queries.difference(None, newer.title, newer.body))


def test_only_its_owner_and_managers_publish_change_look_through_and_retire_what_has_an_owner(office: Office) -> None:
    row = office.procedure()
    save(office, row, "Other.", 1, by=office.al)
    for verb in (
        lambda by: actions.publish_procedure(procedure_id=row.pk, number=2, **by),
        lambda by: actions.edit_procedure(procedure_id=row.pk, changes={"owner_id": office.al.pk}, **by),
        lambda by: actions.review_procedure(procedure_id=row.pk, **by),
        lambda by: actions.retire_procedure(procedure_id=row.pk, **by),
    ):
        with pytest.raises(NotYours, match="Bo keeps it"):
            verb(office.doing(office.al))
    actions.review_procedure(procedure_id=row.pk, **office.doing(office.mo))
    actions.edit_procedure(procedure_id=row.pk, changes={"owner_id": None}, **office.doing(office.bo))
    actions.publish_procedure(procedure_id=row.pk, number=2, **office.doing(office.al))


def test_what_fits_closest_comes_first_and_drafts_and_what_is_retired_never(office: Office) -> None:
    office.procedure("For everything")
    office.procedure("Lines", service_ids=[office.lines.pk])
    office.procedure("Calls about lines", service_ids=[office.lines.pk], calls=["call"])
    office.procedure("sw2", service_ids=[office.lines.pk], part="SW2*")
    office.procedure("Mail", service_ids=[office.mail.pk, office.lines.pk], calls=["alarm"])
    retired = office.procedure("Old", service_ids=[office.lines.pk])
    actions.retire_procedure(procedure_id=retired.pk, **office.doing(office.bo))
    actions.make_procedure(brand_id=office.brand.pk, title="Draft", body="x", **office.doing(office.bo))

    def told(*asked: object, **more: object) -> list[str]:
        return [each.title for each in queries.procedures_for(*asked, office.brand.pk, **more)]  # type: ignore[arg-type]

    assert told(office.lines.pk, ["alarm"], component="sw21") == ["sw2", "Mail", "Lines", "For everything"]
    assert told(office.lines.pk, ["call"]) == ["Calls about lines", "Lines", "For everything"]
    assert told(office.mail.pk, ["alarm"]) == ["Mail", "For everything"]
    assert told(None, ["alarm"]) == ["For everything"]
    assert queries.procedures_for(office.lines.pk, ["alarm"], office.brand.pk + 1) == []


def test_every_word_that_is_asked_for_must_begin_some_word_whatever_its_case_and_accents(office: Office) -> None:
    office.procedure("Straßenkasten öffnen", body="Der **Schlüssel** liegt im Büro.")
    row = office.procedure("Line is down")
    save(office, row, "A draft about optics.", 1)

    def found(text: str) -> list[str]:
        return [each.title for each in queries.find_procedures(Procedure.objects.all(), text)]

    assert found("schlussel STRASSEN") == ["Straßenkasten öffnen"]
    assert found("optic") == ["Line is down"], "a draft is found"
    assert found("carrier") == ["Line is down"], "and what is published beside it"
    assert found("schlussel carrier") == []
    assert len(found("  ")) == 2
    assert found("' | & !") == found("")


def test_the_search_goes_by_its_index(office: Office) -> None:
    office.procedure()
    rows = queries.find_procedures(Procedure.objects.all(), "carrier").values("id").order_by()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        sql, params = rows.query.sql_with_params()
        cursor.execute(f"EXPLAIN {sql}", params)
        assert "procedure_words" in "\n".join(line for (line,) in cursor.fetchall())


def test_its_owner_is_reminded_when_it_is_to_be_looked_through_and_again_until_they_did(office: Office) -> None:
    row = office.procedure(review_days=30)
    office.later(timedelta(days=29))
    assert office.told == []
    office.later(timedelta(days=9))
    assert office.told == [("Bo", "Please look through “Line is down”")] * 2
    actions.review_procedure(procedure_id=row.pk, **office.doing(office.bo))
    office.later(timedelta(days=29))
    assert len(office.told) == 2
    assert queries.reviews_due(office.bo.pk, office.at) == []
    office.later(timedelta(days=2))
    assert len(office.told) == 3
    assert queries.reviews_due(office.bo.pk, office.at) == [row]
    actions.retire_procedure(procedure_id=row.pk, **office.doing(office.bo))
    assert not Promise.objects.filter(subject_kind="procedure", ended_at=None).exists()


def test_who_has_read_which_version_is_known_and_said_once(office: Office) -> None:
    row = office.procedure()
    for _again in range(2):
        actions.confirm_reading(procedure_id=row.pk, number=1, **office.doing(office.al))
    save(office, row, "Other.", 1)
    assert [each.person.name for each in row.versions.get(number=1).readings.all()] == ["Al"]
    assert not row.versions.get(number=2).readings.exists()
    assert Entry.objects.filter(kind=actions.PROCEDURE_READ).count() == 1
    with pytest.raises(Invalid):
        actions.confirm_reading(procedure_id=row.pk, number=1, **office.doing())


def test_a_proposal_waits_for_the_owner_and_accepted_is_what_is_shown(office: Office) -> None:
    row, thing = office.procedure(), office.thing()
    proposal = actions.propose_change(
        procedure_id=row.pk,
        body="Ring first.\n\n- [ ] Ring",
        why="The second step is done by itself",
        over=1,
        subject=thing,
        **office.doing(office.al),
    )
    office.later(timedelta(seconds=1))
    assert office.told == [("Bo", "Al proposes a change of “Line is down”")]
    with pytest.raises(NotYours):
        actions.accept_proposal(proposal_id=proposal.pk, **office.doing(office.al))
    actions.accept_proposal(proposal_id=proposal.pk, word="Good.", **office.doing(office.bo))
    office.later(timedelta(seconds=1))
    assert office.told[-1] == ("Al", "Your change of “Line is down” was accepted")
    row.refresh_from_db()
    assert row.published is not None
    assert (row.published.number, row.published.body) == (2, "Ring first.\n\n- [ ] Ring")
    assert row.published.why == "proposed by Al"
    with pytest.raises(IllegalTransition, match="It was accepted"):
        actions.decline_proposal(proposal_id=proposal.pk, word="no", **office.doing(office.bo))


def test_a_declined_proposal_changes_nothing_and_its_writer_hears_why(office: Office) -> None:
    row = office.procedure()
    proposal = actions.propose_change(
        procedure_id=row.pk, body="Do nothing.", why="It heals", over=1, **office.doing(office.al)
    )
    with pytest.raises(Invalid):
        actions.decline_proposal(proposal_id=proposal.pk, word=" ", **office.doing(office.bo))
    actions.decline_proposal(proposal_id=proposal.pk, word="It does not.", **office.doing(office.mo))
    office.later(timedelta(seconds=1))
    assert ("Al", "Your change of “Line is down” was declined") in office.told
    row.refresh_from_db()
    assert (row.latest, row.published.number if row.published else 0) == (1, 1)


def test_a_proposal_over_an_older_version_never_takes_newer_words_away_unseen(office: Office) -> None:
    row = office.procedure()
    proposal = actions.propose_change(
        procedure_id=row.pk, body="Al's words.", why="better", over=1, **office.doing(office.al)
    )
    save(office, row, "Bo's newer words.", 1)
    for more in ({}, {"over": 2}, {"over": 1, "body": "Both."}):
        with pytest.raises(ChangedMeanwhile):
            actions.accept_proposal(proposal_id=proposal.pk, **more, **office.doing(office.bo))  # type: ignore[arg-type]
    actions.accept_proposal(proposal_id=proposal.pk, over=2, body="Both.", **office.doing(office.bo))
    assert row.versions.latest("number").body == "Both."


def test_what_belongs_to_another_brand_cannot_be_named(office: Office) -> None:
    other = access.make_brand(name="Pier", slug="pier", **office.doing())
    theirs = customers.make_service(brand_id=other.pk, key="x", name="X", **office.doing())
    with pytest.raises(NotFound):
        office.procedure(service_ids=[theirs.pk])
    with pytest.raises(Forbidden):
        actions.make_procedure(brand_id=other.pk, title="x", body="y", **office.doing(office.bo))
    row = office.procedure()
    with pytest.raises(NotFound):
        actions.propose_change(
            procedure_id=row.pk, body="z", why="w", over=1, subject=("thing", "no"), **office.doing(office.al)
        )


def test_a_kind_of_call_is_one_of_everybody_or_of_the_brand(office: Office) -> None:
    with pytest.raises(Invalid, match="no kind of call"):
        office.procedure(calls=["fax"])
    actions.add_call_kind(brand_id=office.brand.pk, key="fax", name="Fax", **office.doing(office.mo))
    office.procedure(calls=["fax"])
    assert queries.call_kinds({office.brand.pk})["fax"] == "Fax"
    for key in ("fax", "alarm", "two words", ""):
        with pytest.raises(Invalid):
            actions.add_call_kind(brand_id=office.brand.pk, key=key, name="Fax", **office.doing(office.mo))


def test_too_many_steps_and_an_empty_text_are_refused(office: Office) -> None:
    for body in (" \n ", "- [ ] x\n" * 201, "x" * 100_001, "a\x00b"):
        with pytest.raises(Invalid):
            actions.make_procedure(brand_id=office.brand.pk, title="x", body=body, **office.doing(office.bo))
    with pytest.raises(Invalid):
        office.procedure(part="*")
    with pytest.raises(Invalid):
        office.procedure(review_days=-1)


def test_the_longest_text_can_be_saved_and_searched(office: Office) -> None:
    words = "".join(f"{chr(0x4E00 + number % 20000)}{chr(0x4E00 + number // 7)} " for number in range(33_000))
    row = office.procedure(body=words)
    save(office, row, words[::-1], 1)
    assert queries.find_procedures(Procedure.objects.all(), "line").get() == row


def test_nobody_who_left_is_reminded(office: Office) -> None:
    office.procedure(review_days=1)
    people.deactivate_person(person_id=office.bo.pk, **office.doing())
    assert office.later(timedelta(days=2)) == ["There was nobody to tell."]
    assert office.told == []


def test_somebody_who_left_keeps_no_procedure_anew(office: Office) -> None:
    people.deactivate_person(person_id=office.al.pk, **office.doing())
    with pytest.raises(NotFound):
        office.procedure(owner_id=office.al.pk)
