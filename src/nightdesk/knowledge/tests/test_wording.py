"""What the desk says and what customers are written: only approved words, only known placeholders."""

import pytest

from nightdesk.base.refusals import Forbidden, Invalid
from nightdesk.knowledge import queries, wording_actions
from nightdesk.knowledge.fields import BadTemplate
from nightdesk.knowledge.models import Saying, Template
from nightdesk.knowledge.tests.conftest import Office
from nightdesk.people.models import Person


def saying(office: Office, **more: object) -> Saying:
    wanted = {"brand_id": office.brand.pk, "title": "Lines", "text": "We know of it, and are on it."}
    return wording_actions.save_saying(**wanted | more, **office.doing(office.bo))  # type: ignore[arg-type]


def template(office: Office, by: Person | None = None, **more: object) -> Template:
    wanted = {"brand_id": office.brand.pk, "use": "reply", "name": "Hello", "body": "Dear {{ customer }},"}
    return wording_actions.save_template(**wanted | more, **office.doing(by or office.mo))  # type: ignore[arg-type]


def shown(office: Office) -> list[str]:
    return [each.text for each in queries.sayings_for(office.lines.pk, ["call"], office.brand.pk)]


def test_nobody_is_shown_words_that_were_not_approved_and_a_change_takes_the_approval_away(office: Office) -> None:
    row = saying(office)
    assert shown(office) == []
    with pytest.raises(Forbidden):
        wording_actions.approve_saying(saying_id=row.pk, **office.doing(office.bo))
    wording_actions.approve_saying(saying_id=row.pk, **office.doing(office.mo))
    assert shown(office) == ["We know of it, and are on it."]
    saying(office, saying_id=row.pk, text="It is the fault of the carrier.")
    assert shown(office) == []
    wording_actions.approve_saying(saying_id=row.pk, **office.doing(office.mo))
    wording_actions.remove_saying(saying_id=row.pk, **office.doing(office.mo))
    assert shown(office) == []


def test_the_closest_words_come_first(office: Office) -> None:
    for text, where in (
        ("any", {}),
        ("lines", {"service_ids": [office.lines.pk]}),
        ("mail", {"service_ids": [office.mail.pk]}),
        ("calls about lines", {"service_ids": [office.lines.pk], "calls": ["call"]}),
    ):
        row = saying(office, text=text, **where)
        wording_actions.approve_saying(saying_id=row.pk, **office.doing(office.mo))
    assert shown(office) == ["calls about lines", "lines", "any"]


def test_a_template_with_an_unknown_placeholder_is_not_saved(office: Office) -> None:
    for field in ("subject", "body"):
        with pytest.raises(BadTemplate, match="custumer"):
            template(office, **{field: "Dear {{ custumer }}"})
    assert not Template.objects.exists()
    with pytest.raises(Forbidden):
        template(office, by=office.bo)


def test_an_automatic_reply_names_only_what_is_known_when_it_is_sent(office: Office) -> None:
    with pytest.raises(BadTemplate, match="agent"):
        template(office, use="auto_reply", body="{{ agent }} reads it.")
    template(office, use="auto_reply", body="{{ expectation }}")
    with pytest.raises(Invalid):
        template(office, use="ack", body="It has come.")


def test_a_customer_is_written_in_their_language_else_in_the_nearest_else_in_british_english(office: Office) -> None:
    def found(language: str) -> str:
        row = queries.template_for(office.brand.pk, "reply", language)
        return row.body if row else ""

    assert found("de") == ""
    template(office)
    template(office, language="de", body="Guten Tag {{ contact }},")
    assert [found(code) for code in ("de-at", "de", "fr", "en-gb")] == [
        "Guten Tag {{ contact }},", "Guten Tag {{ contact }},", "Dear {{ customer }},", "Dear {{ customer }},",
    ]  # fmt: skip
    assert queries.template_for(office.brand.pk + 1, "reply", "de") is None


def test_there_is_one_text_of_a_use_name_and_language_and_it_can_be_changed_and_removed(office: Office) -> None:
    row = template(office)
    with pytest.raises(Invalid, match="has one of that use"):
        template(office)
    template(office, template_id=row.pk, body="Hello {{ contact }}")
    row.refresh_from_db()
    assert row.body == "Hello {{ contact }}"
    wording_actions.remove_template(template_id=row.pk, **office.doing(office.mo))
    assert not Template.objects.exists()
    with pytest.raises(Invalid):
        template(office, use="poem")
