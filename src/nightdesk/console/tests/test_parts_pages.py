"""The pages of parts, beyond their doors: nothing typed is lost, nothing is written before it was seen."""

import io
import json
import re
from typing import Any

from django.urls import reverse

from nightdesk.console.tests.company import Company
from nightdesk.console.tests.test_views import words
from nightdesk.knowledge.models import Phrase
from nightdesk.outages.models import Part, Reach
from nightdesk.outages.part_queries import needs_of
from tests.peers import netbox


def file_of(content: bytes, name: str = "parts.csv") -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def taken(client: Any, preview: Any) -> Any:
    """The preview's own form, sent as it stands."""
    fields = dict(
        re.findall(r'<input type="hidden" name="(brand|content|how)" value="([^"]*)"', preview.content.decode())
    )
    return client.post(
        reverse("console:apply_parts"), {name: value.replace("&quot;", '"') for name, value in fields.items()}
    )


def test_a_list_is_shown_before_it_is_taken(company: Company) -> None:
    client = company.client(company.everything())
    brand = company.quay.brand
    content = b"Nummer;kind;needs\nup-1;transit;\nup-2;transit;\nsw-9;switch;any of up-1 up-2\n"
    form = {"brand": brand.pk, "mapping": "Nummer = key"}
    preview = client.post(reverse("console:import_parts"), form | {"file": file_of(content)})
    assert "All of it fits" in words(preview)
    assert not Part.objects.filter(key="sw-9").exists()
    assert taken(client, preview).status_code == 302
    row = Part.objects.get(brand=brand, key="sw-9")
    assert [need.at_least for need in needs_of("part", [row.pk])[row.pk]] == [1]
    again = client.post(reverse("console:import_parts"), form | {"file": file_of(content)})
    assert "Everything is so already" in words(again)
    wrong = client.post(
        reverse("console:import_parts"), {"brand": brand.pk, "file": file_of(b"key,needs\nsw-9,nowhere\n")}
    )
    assert "line 2, needs: nowhere" in words(wrong)
    assert "There is no part nowhere." in words(wrong)
    assert 'name="content"' not in wrong.content.decode()
    assert client.post(reverse("console:apply_parts"), {"content": "%%", "brand": "x"}).status_code == 422


def test_a_netbox_is_asked_and_what_it_would_do_is_shown(company: Company) -> None:
    client = company.client(company.everything())
    form = {"brand": company.quay.brand.pk, "token": netbox.TOKEN}
    with netbox.netbox(page=50) as (url, _asked):
        preview = client.post(reverse("console:import_netbox"), form | {"url": url})
    assert netbox.TOKEN not in preview.content.decode()
    assert "cables: to a panel, which are not followed" in words(preview)
    assert taken(client, preview).status_code == 302
    assert Part.objects.filter(brand=company.quay.brand, key__startswith="nb/").count() == 12
    away = client.post(reverse("console:import_netbox"), form | {"url": url})
    assert "cannot be reached" in words(away)
    by_file = client.post(
        reverse("console:import_netbox"), form | {"file": file_of(json.dumps(netbox.lists()).encode(), "lists.json")}
    )
    assert by_file.status_code == 200
    assert "Give the address of a NetBox, or a file" in words(client.post(reverse("console:import_netbox"), form))


def test_what_was_typed_stands_there_still_when_it_is_refused(company: Company) -> None:
    client = company.client(company.everything())
    part = company.quay.ids["part_id"]
    url = reverse("console:part_needs", args=[part])
    for typed, so in (
        ("quay-1\nany of nowhere", "no part nowhere"),
        ("9 of quay-1", "asks for 9 of 1"),
        ("quay-2", "circle"),
    ):
        answer = client.post(url, {"needs": typed})
        assert so in words(answer), typed
        assert f"{typed}</textarea>" in answer.content.decode().replace("\r", "")
    assert client.post(url, {"needs": "none"}).status_code == 302
    assert needs_of("part", [part]) == {}
    new = reverse("console:new_part")
    typed = {"brand": company.quay.brand.pk, "name": "Quay 1", "key": "quay-1", "kind": "site"}
    assert "has a part of that key" in words(client.post(new, typed))
    assert client.post(new, typed | {"key": "", "name": "Cage 7, left"}).status_code == 302
    assert Part.objects.get(brand=company.quay.brand, key="cage-7-left").kind == "site"
    refused = client.post(reverse("console:retire_part", args=[part]))
    assert "It is needed by Quay lines" in words(refused)


def test_the_pages_say_whom_a_failure_touches_and_in_whose_words(company: Company) -> None:
    client = company.client(company.everything())
    told = words(client.get(reverse("console:part", args=[company.quay.ids["part_id"]])))
    assert "If it fails: 1 customer would feel it" in told
    assert "Quay is dark." in told
    supposed = client.get(reverse("console:what_if"), {"parts": "quay-1", "effect": "degraded"})
    assert "works badly" in words(supposed)
    assert "no part nowhere" in words(client.get(reverse("console:what_if"), {"parts": "nowhere"}))
    weak = words(client.get(reverse("console:what_if")))
    assert "Their loss alone takes something down" in weak
    csv = b"".join(client.get(reverse("console:parts_csv")).streaming_content).decode()
    assert "quay-2,Quay switch,device,,,,,0,quay-1,no" in csv
    csv = b"".join(client.get(reverse("console:service_needs_csv")).streaming_content).decode()
    assert any(line.endswith(",quay-lines,Quay 7,quay-2") for line in csv.splitlines())


def test_the_customers_page_says_how_they_are_reached_and_what_theirs_needs(company: Company) -> None:
    client = company.client(company.everything())
    ids = company.quay.ids
    page = reverse("console:customer", args=[ids["customer_id"]])
    assert "Email, " in words(client.get(page))
    url = reverse("console:reach", args=[ids["customer_id"]])
    form = {"channel": "voice", "whose": "", "over": [ids["subscription_id"]]}
    assert client.post(url, form).status_code == 302
    assert "Calls, everybody there over Quay lines Quay 7" in words(client.get(page))
    assert client.post(url, {"channel": "voice", "whose": ""}).status_code == 302
    assert not Reach.objects.filter(customer=ids["customer_id"], channel="voice").exists()
    needs = reverse("console:subscription_needs", args=[ids["customer_id"], ids["subscription_id"]])
    assert client.post(needs, {"needs": "quay-1\nquay-2"}).status_code == 302
    assert "needs quay-1 quay-2" in words(client.get(page))


def test_a_phrase_is_written_read_and_removed(company: Company) -> None:
    client = company.client(company.everything())
    ids, brand = company.quay.ids, company.quay.brand
    form = {
        "where": f"{brand.pk}:",
        "effect": "down",
        "language": "de",
        "text": "{{ service }} ist aus.",
        "workaround": "",
    }
    new = reverse("console:new_phrase")
    refused = client.post(new, form | {"text": "{{ customer }} ist aus."})
    assert "is no placeholder that is known" in words(refused)
    assert client.post(new, form).status_code == 302
    row = Phrase.objects.get(brand=brand, service=None)
    assert "Internet lines ist aus." in words(client.get(reverse("console:phrase", args=[row.pk])))
    assert client.post(reverse("console:phrase", args=[row.pk]), {"text": "Aus."}).status_code == 302
    assert Phrase.objects.get(pk=row.pk).text == "Aus."
    assert client.post(reverse("console:remove_phrase", args=[ids["phrase_id"]])).status_code == 302
    assert not Phrase.objects.filter(pk=ids["phrase_id"]).exists()
