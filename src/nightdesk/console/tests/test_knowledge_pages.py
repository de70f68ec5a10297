"""The pages of what is known, beyond their doors: nothing typed is lost, nothing unsafe shown, the right ones may."""

import re
from datetime import timedelta

from django.urls import reverse

from nightdesk.console.tests.company import Company
from nightdesk.console.tests.test_views import words
from nightdesk.desk.models import Lesson
from nightdesk.knowledge import actions, briefing_actions, wording_actions
from nightdesk.knowledge.models import Briefing, Procedure, Proposal, Run, Saying, Spare, Template
from nightdesk.people.models import Person


def test_two_who_change_a_procedure_at_once_both_keep_their_words(company: Company) -> None:
    client = company.client(company.everything())
    row = Procedure.objects.get(id=company.quay.ids["procedure_id"])
    actions.save_procedure(procedure_id=row.pk, title=row.title, body="Bo's words.", over=1, **company.doing)
    url = reverse("console:save_procedure", args=[row.pk])
    answer = client.post(url, {"title": row.title, "body": "My words.\r\nTwo lines.", "over": "1"})
    text = answer.content.decode()
    assert "has saved version 2 since" in words(answer)
    assert "My words.\r\nTwo lines.</textarea>" in text
    assert "<del>Bo&#x27;s words.</del>" in text
    assert 'name="over" value="2"' in text
    assert client.post(url, {"title": row.title, "body": "Both.", "over": "2"}).status_code == 302
    assert row.versions.latest("number").body == "Both."


def test_what_somebody_wrote_is_shown_without_anything_that_acts(company: Company) -> None:
    client = company.client(company.everything())
    for name in ("procedure", "procedure_version", "page"):
        ids = company.quay.ids
        args = {"procedure": [ids["procedure_id"]], "procedure_version": [ids["procedure_id"], 1]}
        text = client.get(reverse(f"console:{name}", args=args.get(name, [ids["page_id"]]))).content.decode()
        assert "<script>alert(1)" not in text, name
        assert "alert(1)" in text, name


def test_a_step_is_ticked_where_the_page_stands_and_the_way_leads_back_there(company: Company) -> None:
    client = company.client(company.everything())
    page = reverse("console:page", args=[company.quay.page.id])
    text = words(client.get(page))
    assert "Quay is dark" in text
    assert "0 of 2 steps" in text
    run = Run.objects.get(id=company.quay.ids["run_id"])
    step = {"number": "1", "outcome": "done", "next": f"{page}#procedures"}
    assert client.post(reverse("console:settle_step", args=[run.id]), step)["Location"] == f"{page}#procedures"
    text = words(client.get(page, {"part": "procedures"}))
    assert "1 of 2 steps" in words(client.get(page))
    answer = client.post(reverse("console:settle_step", args=[run.id]), {"number": "2", "outcome": "skipped"})
    assert answer.status_code == 422
    assert "Nobody said why it is left out" in words(answer)


def test_who_answers_phones_for_us_reads_approved_words_only_and_no_procedure(company: Company) -> None:
    client = company.client(company.reader("bureau"))
    wording_actions.save_saying(
        brand_id=company.quay.brand.id, title="Draft", text="Nobody approved this.", **company.doing
    )
    text = words(client.get(reverse("console:sayings")))
    assert "Quay knows of it." in text
    assert "Nobody approved this." not in text
    answer = client.get(reverse("console:sayings_csv"))
    assert "Nobody approved this." not in b"".join(answer.streaming_content).decode()
    page = words(client.get(reverse("console:page", args=[company.quay.page.id])))
    assert "Quay knows of it." in page
    assert "Ring Quay" not in page
    menu = client.get(reverse("console:tonight")).content.decode()
    assert reverse("console:sayings") in menu
    assert f'href="{reverse("console:procedures")}"' not in menu


def test_who_answers_phones_for_us_reads_the_briefings_that_name_them(company: Company) -> None:
    user = company.reader("bureau")
    client = company.client(user)
    url = reverse("console:briefing", args=[company.quay.ids["briefing_id"]])
    assert client.get(url).status_code == 404
    assert "Quay voice" not in words(client.get(reverse("console:briefings")))
    mine = briefing_actions.make_briefing(
        brand_id=company.quay.brand.id,
        title="How to greet",
        body="Say the name.",
        person_ids=[Person.objects.get(user=user).pk],
        due_at=company.at + timedelta(days=1),
        **company.doing,
    )
    assert "A briefing waits for you: “How to greet”" in words(client.get(reverse("console:tonight")))
    assert client.post(reverse("console:confirm_briefing", args=[mine.pk])).status_code == 302
    assert "How to greet" not in words(client.get(reverse("console:tonight")))


def test_a_proposal_is_shown_with_its_difference_and_accepted_with_a_word(company: Company) -> None:
    client = company.client(company.everything())
    each = Proposal.objects.get(id=company.quay.ids["proposal_id"])
    text = client.get(reverse("console:proposal", args=[each.pk])).content.decode()
    assert "<ins>Do not ring Quay.</ins>" in text
    given = {"body": "Do not ring Quay at all.", "word": "Well seen", "over": "1"}
    assert client.post(reverse("console:accept_proposal", args=[each.pk]), given).status_code == 302
    each.refresh_from_db()
    assert (each.accepted, each.word, each.became.body if each.became else "") == (
        True, "Well seen", "Do not ring Quay at all.",
    )  # fmt: skip
    answer = client.get(reverse("console:proposal", args=[each.pk]))
    assert "was accepted" in words(answer)
    assert "Accept and publish" not in words(answer)


def test_an_unknown_placeholder_is_said_at_its_field_and_the_text_stays(company: Company) -> None:
    client = company.client(company.everything())
    given = {
        "brand": str(company.quay.brand.id),
        "use": "reply",
        "name": "x",
        "language": "de",
        "body": "{{ nme }}, hello",
    }
    answer = client.post(reverse("console:new_template"), given)
    assert "“{{ nme }}” is no placeholder that is known." in words(answer)
    assert "{{ nme }}, hello</textarea>" in answer.content.decode()
    assert not Template.objects.filter(name="x").exists()
    assert client.post(reverse("console:new_template"), given | {"body": "{{contact}}, hello"}).status_code == 302


def test_everything_can_be_written_and_found_on_the_web(company: Company) -> None:
    client = company.client(company.everything())
    brand = {"brand": str(company.quay.brand.id)}
    made = client.post(
        reverse("console:new_procedure"),
        brand | {"title": "Fan is loud", "body": "- [ ] Listen", "calls": ["alarm"], "review_days": "30"},
    )
    row = Procedure.objects.get(title="Fan is loud")
    assert made["Location"] == reverse("console:procedure", args=[row.pk])
    assert client.post(reverse("console:publish_procedure", args=[row.pk]), {"number": "1"}).status_code == 302
    assert "Fan is loud" in words(client.get(reverse("console:procedures"), {"q": "listen", "call": "alarm"}))
    assert "Fan is loud" not in words(client.get(reverse("console:procedures"), {"state": "draft"}))
    assert any(each["label"] == "Fan is loud" for each in client.get(reverse("console:find"), {"q": "fan"}).json())
    assert (
        client.post(reverse("console:new_saying"), brand | {"title": "Fan", "text": "It is loud."}).status_code == 302
    )
    said = Saying.objects.get(title="Fan")
    assert client.post(reverse("console:approve_saying", args=[said.pk])).status_code == 302
    given = brand | {"what": "Fan", "site": "Pier 4", "count": "2", "low_at": "1"}
    assert client.post(reverse("console:new_spare"), given).status_code == 302
    fan = Spare.objects.get(what="Fan")
    assert (
        client.post(reverse("console:take_spare", args=[fan.pk]), {"take-number": "1", "take-why": "loud"}).status_code
        == 302
    )
    assert "1 left, get more" in words(client.get(reverse("console:spare", args=[fan.pk])))
    assert "took 1 of Fan out at Pier 4" in words(client.get(reverse("console:spare", args=[fan.pk])))
    bo = str(company.quay.bo.id)
    given = brand | {"title": "Fans", "body": "All new.", "persons": [bo], "due": "2026-08-20", "remind_days": "1"}
    assert client.post(reverse("console:new_briefing"), given).status_code == 302
    fans = Briefing.objects.get(title="Fans")
    text = words(client.get(reverse("console:briefing", args=[fans.pk])))
    assert "1 has not read it" in text
    assert "Bo Quay" in text
    assert client.post(reverse("console:confirm_briefing", args=[fans.pk])).status_code == 302
    lines = b"".join(client.get(reverse("console:briefings_csv")).streaming_content).decode().splitlines()
    assert re.search(r"Fans,Quay,.*,Bo Quay,,$", next(line for line in lines if "Fans" in line and "Bo Quay" in line))
    assert any("Fans" in line and "Everything" in line and line.endswith(",web") for line in lines)


def test_a_value_that_does_not_fit_keeps_what_was_typed(company: Company) -> None:
    client = company.client(company.everything())
    brand = {"brand": str(company.quay.brand.id)}
    answer = client.post(
        reverse("console:new_procedure"), brand | {"title": "x", "body": "My text", "part": "*", "review_days": "1"}
    )
    assert "could be anything" in words(answer)
    assert "My text</textarea>" in answer.content.decode()
    answer = client.post(
        reverse("console:new_briefing"),
        brand | {"title": "x", "body": "My text", "due": "2020-01-01", "remind_days": "1"},
    )
    assert answer.status_code == 200
    assert "My text</textarea>" in answer.content.decode()


def test_what_the_second_line_found_is_written_into_a_procedure(company: Company) -> None:
    lesson = Lesson.objects.get(pk=company.quay.ids["lesson_id"])
    procedure_id = company.quay.ids["procedure_id"]
    reader = company.everything()
    Lesson.objects.filter(pk=lesson.pk).update(person=Person.objects.get(user=reader))
    client = company.client(reader)
    shown = client.get(reverse("console:ticket", args=[lesson.ticket_id])).content.decode()
    url = f"{reverse('console:propose_change', args=[procedure_id])}?about=ticket:{lesson.ticket_id}&amp;lesson={lesson.pk}"
    assert f'href="{url}"' in shown
    assert f'name="lesson" value="{lesson.pk}"' in client.get(url.replace("&amp;", "&")).content.decode()
    assert f"found: {lesson.answer}" in client.get(url.replace("&amp;", "&")).content.decode(), "it is there to copy"
    given = {"body": "- [ ] Reboot it", "why": "It helped.", "over": "1", "lesson": str(lesson.pk)}
    assert client.post(reverse("console:propose_change", args=[procedure_id]), given).status_code == 302
    proposal = Proposal.objects.get(why="It helped.")
    lesson.refresh_from_db()
    assert (lesson.proposed, proposal.subject_id) == (str(proposal.pk), str(lesson.ticket_id))
    assert "I know it now" not in client.get(reverse("console:ticket", args=[lesson.ticket_id])).content.decode()
