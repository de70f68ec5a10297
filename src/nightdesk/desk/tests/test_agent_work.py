"""An agent's own work: the order of the queue, one press for many and the way back, macros, drafts, who else is there."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from nightdesk.base.models import Promise
from nightdesk.base.refusals import Forbidden, IllegalTransition, Invalid, NotFound
from nightdesk.channels.models import Delivery
from nightdesk.desk import actions, agent_actions, bulk_actions, worklist
from nightdesk.desk.actions import StoryMovedOn, Words
from nightdesk.desk.models import Draft, Entry, Macro, Presence, SavedView, Ticket
from nightdesk.desk.tests.provider import Provider, leave_only_the_index
from nightdesk.desk.worklist import Wanted
from nightdesk.journal.models import Entry as Line

pytestmark = pytest.mark.django_db


@pytest.fixture
def provider():
    return Provider()


def titles(provider, **asked):
    wanted = Wanted.from_query(asked, provider.dee.pk)
    rows = worklist.page_of(wanted, {provider.brand.pk}, provider.at, 0, 50)
    return [row.title for row in rows]


def press(provider, verb, values=None, *, tickets, who=None):
    return bulk_actions.change_tickets(
        ticket_ids=[one.id for one in tickets],
        verb=verb,
        values=values or {},
        **provider.doing_as(who or provider.dee),
    )


def undo(provider, bulk, who=None):
    return bulk_actions.undo_change(bulk_id=bulk.id, **provider.doing_as(who or provider.dee))


# --- The queue -------------------------------------------------------------------------------------------------------


def test_late_next_steps_come_first_then_priority_then_age(provider):
    provider.ticket("low", impact="low", urgency="low")
    provider.ticket("old")
    provider.minutes(1)
    provider.ticket("young")
    provider.ticket("burning", impact="high", urgency="high")
    step_at = provider.at + timedelta(minutes=5)
    provider.ticket("late and low", impact="low", urgency="low", next_step="Look", next_step_at=step_at)
    provider.ticket("late", next_step="Look", next_step_at=step_at)
    provider.minutes(10)
    assert titles(provider) == ["late", "late and low", "burning", "old", "young", "low"]
    assert titles(provider, order="newest")[0] == "late"
    assert titles(provider, order="oldest")[0] == "low"


def test_pages_of_the_queue_go_on_where_the_one_before_ended(provider):
    for number in range(7):
        step_at = provider.at + timedelta(minutes=1 if number % 3 else 60)
        provider.ticket(f"t{number}", next_step="Look", next_step_at=step_at)
    provider.minutes(5)
    whole = titles(provider)
    for size in (1, 2, 3, 5, 7):
        parts = []
        for start in range(0, 8, size):
            rows = worklist.page_of(Wanted(), {provider.brand.pk}, provider.at, start, size)
            parts += [row.title for row in rows[:size]]
            assert len(rows) == min(size + 1, max(0, 7 - start)), (size, start)
        assert parts == whole, size


def test_each_view_has_what_it_says(provider, monkeypatch):
    mine, _nobodys, theirs, others, over = (
        provider.ticket(name) for name in ("mine", "nobody", "theirs", "other", "over")
    )
    press(provider, "take", tickets=[mine, theirs, others])
    later = {"next_step": "Ask again", "hours": 24}
    press(provider, "wait", {"reason": "awaiting_caller", **later}, tickets=[theirs])
    press(provider, "wait", {"reason": "awaiting_supplier", **later}, tickets=[others])
    press(provider, "cancel", {"why": "spam"}, tickets=[over])
    assert titles(provider, view="mine") == ["mine", "theirs", "other"]
    assert titles(provider, view="unassigned") == ["nobody"]
    assert titles(provider, view="ours") == ["mine", "nobody"]
    assert titles(provider, view="theirs") == ["theirs"]
    assert titles(provider, view="waiting") == ["other"]
    assert titles(provider, view="open") == ["mine", "nobody", "theirs", "other"]
    assert set(titles(provider, view="all")) == {"mine", "nobody", "theirs", "other", "over"}
    told = worklist.counts(Wanted(person_id=provider.dee.pk), {provider.brand.pk}, provider.at, worklist.VIEWS)
    assert told == {
        "mine": 3, "unassigned": 1, "ours": 2, "theirs": 1, "waiting": 1, "open": 4, "all": 5, "late": 0,
    }  # fmt: skip
    monkeypatch.setattr(worklist, "COUNTED", 3)
    few = worklist.counts(Wanted(person_id=provider.dee.pk), {provider.brand.pk}, provider.at, worklist.VIEWS)
    assert few == told | {"all": 4}


def test_filters_narrow_and_what_makes_no_sense_is_left_out(provider):
    queue = actions.save_queue(brand_id=provider.brand.pk, name="Mail", **provider.doing)
    provider.ticket("mail", queue_id=queue.pk, tags=["dns"])
    provider.ticket("line", impact="high", urgency="high")
    assert titles(provider, queue=str(queue.pk)) == ["mail"]
    assert titles(provider, tag="DNS") == ["mail"]
    assert titles(provider, priority="1") == ["line"]
    assert titles(provider, q="MAI") == titles(provider, q="MAI", view="all") == ["mail"]
    assert titles(provider, q="nothing like it", view="all") == titles(provider, q="–", view="all") == []
    assert titles(provider, customer=str(provider.acme.pk), view="all") == ["line", "mail"]
    nonsense = {"queue": "x'; --", "priority": "9", "state": "lost", "view": "?", "order": "sideways", "customer": "٣"}
    assert Wanted.from_query(nonsense) == Wanted()
    assert Wanted.from_query(Wanted(view="mine", tag="dns").as_query()) == Wanted(view="mine", tag="dns")


@pytest.mark.parametrize("view", worklist.VIEWS)
@pytest.mark.parametrize("brands", ["one", "all"])
def test_every_list_is_found_by_an_index(provider, view, brands):
    Provider()  # so that there are two brands
    provider.ticket()
    of = {provider.brand.pk} if brands == "one" else None
    for order in worklist.ORDERS[:3]:
        wanted = Wanted(view=view, order=order, person_id=provider.dee.pk)
        rows = worklist.chosen(wanted, of)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            plan = rows[:50].explain()
        assert "Index" in plan, (view, order, plan)
        assert "Seq Scan on desk_ticket" not in plan, (view, order, plan)


def test_a_list_of_what_is_open_can_use_its_index_also_as_a_prepared_statement(provider):
    _sql, beside = Ticket.objects.filter(worklist.IS_OPEN).query.sql_with_params()
    assert beside == ()  # states given beside it could be others the next time


def test_what_is_counted_is_read_in_the_index_alone(provider):
    provider.ticket()
    with CaptureQueriesContext(connection) as told:
        worklist.counts(Wanted(), {provider.brand.pk}, provider.at, worklist.VIEWS)
    leave_only_the_index("ticket_worklist")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {told[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Only Scan using ticket_worklist" in plan, plan


def test_words_of_all_titles_are_found_by_their_index_newest_first_and_counted(provider):
    for number in range(3):
        provider.minutes(1)
        provider.ticket(f"printer {number}")
    provider.ticket("else", said="the printer is fine")
    of = {provider.brand.pk}
    for order, expected in (("newest", "210"), ("next", "210"), ("oldest", "012")):
        wanted = Wanted(view="all", q="Print", order=order)
        assert [row.title for row in worklist.page_of(wanted, of, provider.at, 0, 50)] == [
            f"printer {number}" for number in expected
        ]
        assert worklist.total_of(wanted, of) == 3
    assert [row.title for row in worklist.page_of(Wanted(view="all", q="print"), of, provider.at, 1, 1)] == [
        "printer 1", "printer 0",
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT ticket_id FROM desk_searchable WHERE ts_filter(words, '{a}') @@ to_tsquery('simple', 'print:*')"
        )
        assert "searchable_titles" in "\n".join(row[0] for row in cursor.fetchall())


def test_words_of_titles_are_those_of_the_readers_brands(provider):
    provider.ticket("printer here")
    other = Provider()
    other.ticket("printer there")
    wanted = Wanted(view="all", q="printer")
    assert [row.title for row in worklist.page_of(wanted, {provider.brand.pk}, provider.at, 0, 50)] == ["printer here"]
    assert worklist.total_of(wanted, {provider.brand.pk}) == 1
    assert worklist.total_of(wanted, None) == worklist.total_of(wanted, {provider.brand.pk, other.brand.pk}) == 2


# --- One press, and back ---------------------------------------------------------------------------------------------


def test_many_are_changed_at_once_and_undone_but_for_what_somebody_changed_since(provider):
    several = [provider.ticket(f"t{number}") for number in range(3)]
    provider.minutes(1)
    bulk = press(provider, "assign", {"person_id": provider.eve.pk, "team_id": provider.network.pk}, tickets=several)
    assert [row["number"] for row in bulk.rows] == [one.number for one in several]
    assert set(Ticket.objects.values_list("assignee", "state", "level")) == {(provider.eve.pk, "assigned", "2")}
    provider.minutes(1)
    press(provider, "take", tickets=[several[1]], who=provider.max)
    provider.minutes(1)
    told, left = undo(provider, bulk)
    assert (told.undone_at, left) == (provider.at, [several[1].number])
    for one in several:
        one.refresh_from_db()
    assert [one.assignee_id for one in several] == [None, provider.max.pk, None]
    assert [one.state for one in several] == ["new", "in_progress", "new"]
    moved = Entry.objects.filter(ticket=several[0], kind="moved").last()
    assert (moved.facts["from"], moved.facts["to"], moved.facts["undone"]) == ("assigned", "new", True)
    assert undo(provider, bulk) == (told, [])  # again: nothing more happens
    assert Ticket.objects.get(id=several[1].id).assignee_id == provider.max.pk
    assert Line.objects.filter(kind="desk.tickets-changed").count() == 2
    assert Line.objects.filter(kind="desk.change-undone").count() == 1


def test_what_refuses_stays_as_it_was_and_is_named_with_its_reason(provider):
    new, over = provider.ticket("new"), provider.ticket("over")
    press(provider, "cancel", {"why": "spam"}, tickets=[over])
    bulk = press(provider, "take", tickets=[new, over])
    assert [row["number"] for row in bulk.rows] == [new.number]
    assert [row["number"] for row in bulk.refused] == [over.number]
    assert "cancelled" in bulk.refused[0]["why"]


def test_undone_moves_bring_their_promises_back(provider):
    ticket = provider.ticket()
    due = Promise.objects.get(subject_id=str(ticket.id), kind="ticket.next_step", ended_at=None).due_at
    bulk = press(provider, "cancel", {"why": "spam"}, tickets=[ticket])
    assert not Promise.objects.filter(subject_id=str(ticket.id), ended_at=None).exists()
    undo(provider, bulk)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.next_step_at) == ("new", due)
    assert Promise.objects.get(subject_id=str(ticket.id), kind="ticket.next_step", ended_at=None).due_at == due
    told = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
    actions.resolve_ticket(ticket_id=ticket.id, **told, **provider.doing_as(provider.dee))
    closing = Promise.objects.get(subject_id=str(ticket.id), kind="ticket.close", ended_at=None).due_at
    bulk = press(provider, "close", tickets=[ticket])
    undo(provider, bulk)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.closed_at) == ("resolved", None)
    assert Promise.objects.get(subject_id=str(ticket.id), kind="ticket.close", ended_at=None).due_at == closing


def test_only_who_did_it_undoes_it_and_not_for_ever(provider):
    ticket = provider.ticket()
    bulk = press(provider, "tag", {"add": ["DNS"]}, tickets=[ticket])
    assert Ticket.objects.get(id=ticket.id).tags == ["dns"]
    with pytest.raises(NotFound):
        undo(provider, bulk, who=provider.max)
    provider.minutes(31)
    with pytest.raises(IllegalTransition):
        undo(provider, bulk)


def test_another_brands_tickets_are_not_touched(provider):
    other = Provider()
    theirs = other.ticket()
    bulk = press(provider, "tag", {"add": ["x"]}, tickets=[theirs])
    assert (bulk.rows, len(bulk.refused)) == ([], 1)
    assert Ticket.objects.get(id=theirs.id).tags == []
    with pytest.raises(Invalid):
        press(provider, "explode", tickets=[theirs])
    with pytest.raises(Invalid):
        press(provider, "tag", tickets=[])


# --- Macros ----------------------------------------------------------------------------------------------------------


def macro(provider, *steps, name="Ask for a test"):
    wanted = [{"verb": verb, "values": values} for verb, values in steps]
    return bulk_actions.save_macro(brand_id=provider.brand.pk, name=name, steps=wanted, **provider.doing)


def test_a_macro_does_all_of_its_steps_or_none(provider):
    reply = {"text": "Hello {name}, #{number} {title}. {me}", "then": "wait"}
    asked = macro(provider, ("tag", {"add": ["speed"]}), ("take", {}), ("reply", reply))
    good, over = provider.ticket("The line is slow"), provider.ticket("over")
    press(provider, "cancel", {"why": "spam"}, tickets=[over])
    bulk = bulk_actions.apply_macro(ticket_ids=[good.id, over.id], macro_id=asked.pk, **provider.doing_as(provider.dee))
    good.refresh_from_db()
    over.refresh_from_db()
    assert (good.tags, good.state, good.pending_reason) == (["speed"], "pending", "awaiting_caller")
    said = Entry.objects.get(ticket=good, kind="message_out")
    assert said.text == f"Hello Cleo, #{good.number} The line is slow. Dee"
    assert (over.tags, [row["number"] for row in bulk.refused]) == ([], [over.number])
    undo(provider, bulk)
    good.refresh_from_db()
    assert (good.tags, good.state, good.assignee_id) == ([], "new", None)
    assert Entry.objects.filter(id=said.id).exists()  # what was sent stays sent


def test_a_macro_is_kept_only_if_it_can_be_done(provider):
    with pytest.raises(Invalid):
        macro(provider)
    with pytest.raises(Invalid):
        macro(provider, ("explode", {}))
    with pytest.raises(Invalid):
        macro(provider, ("tag", {"person_id": 1}))
    with pytest.raises(NotFound):
        macro(provider, ("edit", {"queue_id": 999_999}))
    with pytest.raises(Forbidden):
        bulk_actions.save_macro(
            brand_id=provider.brand.pk,
            name="x",
            steps=[{"verb": "take", "values": {}}],
            **provider.doing_as(provider.eve),
        )
    kept = macro(provider, ("take", {}))
    with pytest.raises(Invalid):
        macro(provider, ("take", {}), name="ask FOR a test")
    bulk_actions.remove_macro(macro_id=kept.pk, **provider.doing_as(provider.dee))
    assert not Macro.objects.exists()


# --- Answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_that_resolves_says_the_three_below_and_is_one_message(provider):
    ticket = provider.ticket()
    agent_actions.keep_draft(ticket_id=ticket.id, kind="reply", text="It", **provider.doing_as(provider.dee))
    agent_actions.answer_ticket(
        ticket_id=ticket.id,
        words=Words("It works again."),
        then="resolve",
        what_was_wrong="An optic had failed.",
        what_was_done="We replaced it.",
        what_to_do="Nothing.",
        **provider.doing_as(provider.dee),
    )
    ticket.refresh_from_db()
    said = [text for kind, text in provider.story(ticket) if kind == "message_out"]
    assert said == ["It works again.\n\nAn optic had failed.\n\nWe replaced it.\n\nNothing."]
    assert (ticket.state, ticket.what_to_do) == ("resolved", "Nothing.")
    assert Delivery.objects.filter(subject_kind="ticket", recipient_kind="contact").count() == 1
    assert not Draft.objects.exists()


def test_what_is_refused_has_not_half_happened(provider):
    ticket = provider.ticket()
    with pytest.raises(Invalid):
        agent_actions.answer_ticket(
            ticket_id=ticket.id, words=Words("Done."), then="resolve", **provider.doing_as(provider.dee)
        )
    assert [kind for kind, _text in provider.story(ticket)] == ["moved", "message_in"]
    seen = Entry.objects.get(ticket=ticket, kind="message_in").id
    provider.minutes(1)
    actions.take_message(ticket_id=ticket.id, words=Words("It works again!"), **provider.doing_as(provider.cleo))
    agent_actions.keep_draft(ticket_id=ticket.id, kind="reply", text="We look", **provider.doing_as(provider.dee))
    with pytest.raises(StoryMovedOn):
        agent_actions.answer_ticket(
            ticket_id=ticket.id, words=Words("We look"), seen_id=seen, **provider.doing_as(provider.dee)
        )
    assert Draft.objects.get().text == "We look"
    told = {"what_was_wrong": "a", "what_was_done": "b", "what_to_do": "c"}
    for resolve in (actions.resolve_ticket, partial(agent_actions.answer_ticket, words=Words(""), then="resolve")):
        with pytest.raises(StoryMovedOn):
            resolve(ticket_id=ticket.id, **told, seen_id=seen, **provider.doing_as(provider.dee))
    assert Ticket.objects.get().is_open


# --- Drafts, presence, views -----------------------------------------------------------------------------------------


def test_a_draft_is_its_writers_alone_and_goes_with_its_last_letter(provider):
    ticket = provider.ticket()
    for text in ("H", "Hello"):
        agent_actions.keep_draft(ticket_id=ticket.id, kind="reply", text=text, **provider.doing_as(provider.dee))
    agent_actions.keep_draft(ticket_id=ticket.id, kind="reply", text="Ho", **provider.doing_as(provider.eve))
    assert sorted(Draft.objects.values_list("person__name", "text")) == [("Dee", "Hello"), ("Eve", "Ho")]
    agent_actions.keep_draft(ticket_id=ticket.id, kind="reply", text="  ", **provider.doing_as(provider.dee))
    assert Draft.objects.get().text == "Ho"
    with pytest.raises(Invalid):
        agent_actions.keep_draft(ticket_id=ticket.id, kind="poem", text="x", **provider.doing_as(provider.dee))
    with pytest.raises(Forbidden):
        agent_actions.keep_draft(ticket_id=ticket.id, kind="note", text="x", **provider.doing_as(Provider().dee))


def test_who_is_there_is_forgotten_soon(provider):
    ticket = provider.ticket()
    here = {"ticket_id": ticket.id, "here": True}
    agent_actions.note_presence(**here, typing=True, **provider.doing_as(provider.dee))
    agent_actions.note_presence(**here, typing=False, **provider.doing_as(provider.dee))
    row = Presence.objects.get()
    assert (row.seen_at, row.typed_at) == (provider.at, provider.at)
    provider.minutes(11)
    agent_actions.note_presence(**here, typing=False, **provider.doing_as(provider.eve))
    assert Presence.objects.get().person == provider.eve
    agent_actions.note_presence(ticket_id=ticket.id, here=False, typing=False, **provider.doing_as(provider.eve))
    assert not Presence.objects.exists()


def test_a_view_is_kept_shared_with_ones_own_team_and_removed_by_its_maker(provider):
    view = agent_actions.save_view(
        name="Mail",
        filters={"tag": "dns", "nonsense": "x"},
        team_id=provider.desk.pk,
        **provider.doing_as(provider.dee),
    )
    assert (view.filters, view.team) == ({"tag": "dns"}, provider.desk)
    agent_actions.save_view(name="mail", filters={"view": "mine"}, **provider.doing_as(provider.dee))
    assert SavedView.objects.get().filters == {"view": "mine"}
    with pytest.raises(NotFound):
        agent_actions.save_view(name="x", filters={}, team_id=provider.network.pk, **provider.doing_as(provider.dee))
    with pytest.raises(NotFound):
        agent_actions.remove_view(view_id=view.pk, **provider.doing_as(provider.eve))
    agent_actions.remove_view(view_id=view.pk, **provider.doing_as(provider.dee))
    assert not SavedView.objects.exists()
