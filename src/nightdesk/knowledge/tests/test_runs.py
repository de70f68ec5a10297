"""Check-steps: done or left out, and in the story of what they were done for."""

from datetime import timedelta

import pytest

from nightdesk.access import actions as access
from nightdesk.base.actors import Actor
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.journal.models import Entry
from nightdesk.journal.queries import search
from nightdesk.knowledge import actions, queries, run_actions
from nightdesk.knowledge.models import Run
from nightdesk.knowledge.tests.conftest import Office


def opened(office: Office) -> tuple[Run, tuple[str, str]]:
    row, thing = office.procedure(), office.thing()
    run = run_actions.open_procedure(procedure_id=row.pk, subject=thing, **office.doing(office.bo))
    return run, thing


def settle(office: Office, run: Run, number: int, outcome: str, note: str = "") -> Run:
    office.at += timedelta(minutes=1)
    return run_actions.settle_step(run_id=run.id, number=number, outcome=outcome, note=note, **office.doing(office.bo))


def test_each_step_lands_in_the_story_of_its_subject_with_its_note(office: Office) -> None:
    run, thing = opened(office)
    settle(office, run, 1, "done", "They answered at once")
    settle(office, run, 2, "skipped", "The door is locked")
    lines = search(subject=thing).lines
    assert [(line.sentence, line.text) for line in reversed(lines)] == [
        ("Bo opened the procedure Line is down, version 1", ""),
        ("Line is down, step 1 of 2: Ring the carrier", "They answered at once"),
        ("Line is down, step 2 of 2 left out: Look at sw2", "The door is locked"),
    ]
    (now,) = queries.runs_about(thing)
    assert (now.done, len(now.steps), now.run.finished_at is not None) == (2, 2, True)


def test_opening_it_again_goes_on_with_what_is_open_and_begins_anew_after_the_last_step(office: Office) -> None:
    run, thing = opened(office)
    actions.save_procedure(
        procedure_id=run.procedure_id, title="Line is down", body="- [ ] new", over=1, **office.doing(office.bo)
    )
    actions.publish_procedure(procedure_id=run.procedure_id, number=2, **office.doing(office.bo))
    again = {"procedure_id": run.procedure_id, "subject": thing, **office.doing(office.al)}
    same = run_actions.open_procedure(**again)
    assert (same.id, same.version.number) == (run.id, 1), "it keeps the version that it began with"
    settle(office, run, 1, "done")
    settle(office, run, 2, "done")
    other = run_actions.open_procedure(**again)
    assert (other.id != run.id, other.version.number) == (True, 2)
    with pytest.raises(Invalid, match="opened anew"):
        settle(office, run, 2, "open")


def test_a_step_can_be_taken_back_and_the_same_twice_changes_nothing(office: Office) -> None:
    run, thing = opened(office)
    settle(office, run, 1, "done")
    settle(office, run, 1, "done")
    assert Entry.objects.filter(kind=run_actions.STEP_DONE, subject_id=thing[1]).count() == 1
    settle(office, run, 2, "done")
    settle(office, run, 1, "open")
    (now,) = queries.runs_about(thing)
    assert ([each.settled is None for each in now.steps], now.run.finished_at) == ([True, False], None)


def test_leaving_a_step_out_needs_a_word(office: Office) -> None:
    run, _thing = opened(office)
    with pytest.raises(Invalid, match="why it is left out"):
        settle(office, run, 1, "skipped", "  ")
    with pytest.raises(Invalid):
        settle(office, run, 1, "perhaps")
    with pytest.raises(NotFound):
        settle(office, run, 3, "done")


def test_it_is_opened_for_a_subject_of_its_own_brand_only(office: Office) -> None:
    row = office.procedure()
    other = access.make_brand(name="Pier", slug="pier", **office.doing())
    for subject in (office.thing(other), ("thing", "nothing"), ("fish", "1")):
        with pytest.raises(NotFound):
            run_actions.open_procedure(procedure_id=row.pk, subject=subject, **office.doing(office.bo))


def test_a_draft_is_not_worked_through_and_strangers_do_nothing(office: Office) -> None:
    row = actions.make_procedure(brand_id=office.brand.pk, title="Draft", body="- [ ] x", **office.doing(office.bo))
    thing = office.thing()
    with pytest.raises(IllegalTransition, match="Nothing of it is published"):
        run_actions.open_procedure(procedure_id=row.pk, subject=thing, **office.doing(office.bo))
    run, _thing = opened(office)
    stranger = Actor("person", "99", "Eve", frozenset({(office.brand.pk + 1, "admin")}))
    with pytest.raises(Forbidden):
        run_actions.settle_step(run_id=run.id, number=1, outcome="done", **office.doing() | {"by": stranger})
