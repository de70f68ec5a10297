"""Tickets come together and apart again by the API; what was done to many is taken back; an answer returns and is learned."""

from typing import Any

from nightdesk.access.models import Brand, Role
from nightdesk.desk.models import Lesson, Ticket
from nightdesk.people.models import Person
from tests.api.conftest import START, Caller, token_for, user_with


def done(caller: Caller, method: str, path: str, body: Any = None) -> Any:
    answer = caller(method, path, body)
    assert answer.status_code in (200, 201, 204), answer.content
    return answer.json() if answer.content else None


def test_every_way_together_has_its_way_back(brand: Brand) -> None:
    user = user_with(Role.DESK, brand)
    me = Person.objects.create(name="Dee", user=user)
    caller = token_for(["desk", "read", "note_ticket"], user=user)

    def opened(title: str) -> Any:
        return done(caller, "POST", "/tickets", {"brand_id": brand.pk, "title": title, "text": "It crawls."})

    one, other, many = opened("Slow"), opened("Slow too"), opened("Dark")
    of_one, of_many = f"/tickets/{one['id']}", f"/tickets/{many['id']}"
    done(caller, "POST", f"{of_one}/links", {"other_id": other["id"], "kind": "caused_by"})
    assert caller.get(f"{of_one}/links")[0]["other_number"] == other["number"]
    done(caller, "DELETE", f"{of_one}/links/{other['id']}/caused_by")
    assert caller.get(f"{of_one}/links") == []
    assert done(caller, "POST", f"{of_one}/merge", {"into_id": other["id"]})["id"] == other["id"]
    assert done(caller, "POST", f"{of_one}/unmerge")["merged_into_id"] is None
    noted = done(caller, "POST", f"{of_one}/notes", {"text": "The telephones, too."})
    split = done(caller, "POST", f"{of_one}/split", {"entry_ids": [noted["id"]], "title": "Telephones"})
    assert done(caller, "POST", f"/tickets/{split['id']}/rejoin")["id"] == one["id"]
    done(caller, "POST", f"{of_many}/major/propose", {"why": "Many ask."})
    assert done(caller, "POST", f"{of_many}/major/accept")["major"]
    assert done(caller, "PUT", f"{of_one}/parent", {"parent_id": many["id"]})["parent_id"] == many["id"]
    assert done(caller, "POST", f"{of_many}/children/messages", {"text": "It works again."}) == {"count": 1}
    assert done(caller, "DELETE", f"{of_one}/parent")["parent_id"] is None
    assert not done(caller, "POST", f"{of_many}/major/reject", {"why": "One customer."})["major"]

    ids = [one["id"], other["id"]]
    change = done(caller, "POST", "/ticket-changes", {"ticket_ids": ids, "verb": "tag", "values": {"add": ["dig"]}})
    assert sorted(change["changed"]) == sorted([one["number"], other["number"]])
    done(caller, "PATCH", f"/tickets/{other['id']}", {"tags": ["mine"]})
    undone = done(caller, "POST", f"/ticket-changes/{change['id']}/undo")
    assert undone["left"] == [other["number"]]
    assert Ticket.objects.get(pk=one["id"]).tags == []

    Ticket.objects.filter(pk=one["id"]).update(first_engineer=me)
    done(caller, "POST", f"{of_one}/answer", {"answer": "Clean the optic."})
    lesson = caller.get("/lessons?confirmed=false")["items"][0]
    assert (lesson["answer"], lesson["person_id"]) == ("Clean the optic.", me.pk)
    assert done(caller, "POST", f"/lessons/{lesson['id']}/confirm", {})["confirmed_at"] is not None
    assert Lesson.objects.get().confirmed_at == START


def test_what_was_found_out_is_proposed_to_a_procedure_and_its_owner_takes_it(brand: Brand) -> None:
    dee = user_with(Role.DESK, brand)
    me = Person.objects.create(name="Dee", user=dee)
    desk, manager = token_for(["admin"], user=dee), token_for(["admin"], user=user_with(Role.MANAGER, brand))
    whole = {"brand_id": brand.pk, "title": "Dark line", "body": "- [ ] Ask them"}
    procedure = done(manager, "POST", "/procedures", whole)
    done(manager, "POST", f"/procedures/{procedure['id']}/publish", {"number": 1})
    ticket = done(desk, "POST", "/tickets", {"brand_id": brand.pk, "title": "Dark", "text": "No light."})
    Ticket.objects.filter(pk=ticket["id"]).update(first_engineer=me)
    done(manager, "POST", f"/tickets/{ticket['id']}/answer", {"answer": "Clean the optic."})
    lesson = desk.get(f"/lessons?person_id={me.pk}&confirmed=false")["items"][0]
    body = "- [ ] Ask them\n- [ ] Clean the optic"
    change = {"procedure_id": procedure["id"], "body": body, "why": "It helped.", "over": 1}
    confirmed = done(desk, "POST", f"/lessons/{lesson['id']}/confirm", {"change": change})
    (proposal,) = manager.get("/proposals")["items"]
    assert confirmed["proposed"] == str(proposal["id"])
    assert (proposal["body"], proposal["why"]) == (body, "It helped.")
    done(manager, "POST", f"/proposals/{proposal['id']}/accept", {"word": "Yes."})
    shown = manager.get(f"/procedures/{procedure['id']}")["published"]
    versions = manager.get(f"/procedures/{procedure['id']}/versions")["items"]
    assert [one["body"] for one in versions if one["number"] == shown] == [body]
