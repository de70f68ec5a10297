"""Several messages to one reader become one, and nothing of any is left out."""

from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.channels import sms_text
from nightdesk.channels.driver import Said
from nightdesk.channels.together import how_many_fit, joined

AT = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)


def said(body: str, title: str = "") -> Said:
    return Said(uuid4(), AT, "outage.update", "outage", "7", title, body)


def test_a_mail_names_each_once_and_has_them_one_under_the_other():
    mail = joined(
        "email",
        [
            said("Mail does not work.\n\nQuayside, O-1001", "Quayside: Your services do not work"),
            said("Line works again.\n\nQuayside, O-1002", "Quayside: Your services work again"),
        ],
    )
    assert mail.title == "Quayside: Your services do not work; Your services work again"
    assert mail.body == "Mail does not work.\n\nQuayside, O-1001\n\n* * *\n\nLine works again.\n\nQuayside, O-1002"


def test_how_to_unsubscribe_stands_at_the_end_once():
    mail = joined("email", [said(f"{what} is down.\n\nNo more: https://x.example/u/1") for what in ("Mail", "Line")])
    assert mail.body == "Mail is down.\n\n* * *\n\nLine is down.\n\nNo more: https://x.example/u/1"


def test_two_of_one_heading_have_it_once():
    title = "Quayside: Your services do not work"
    assert joined("email", [said("One.", title), said("Two.", title)]).title == title


def test_a_text_says_once_whose_it_is():
    text = joined("sms", [said("Quayside: Mail is down."), said("Quayside: Line L-1 is down. Ticket: #7.")])
    assert text.body == "Quayside: Mail is down.\nLine L-1 is down. Ticket: #7."


def test_texts_of_two_brands_keep_their_names():
    text = joined("sms", [said("Quayside: Mail is down."), said("Harbour: Line L-1 is down.")])
    assert text.body == "Quayside: Mail is down.\nHarbour: Line L-1 is down."


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), min_size=1, max_size=6))
def test_as_many_go_in_one_text_as_it_holds_whole(texts):
    all_of_them = [said(f"Quay: {text}") for text in texts]
    count = how_many_fit(all_of_them, 3, [sms_text.coding_of])
    assert 1 <= count <= len(texts)
    whole = joined("sms", all_of_them[:count]).body
    assert count == 1 or sms_text.count(whole).parts <= 3
    if count > 1:
        assert all(text.strip() in whole for text in texts[:count])
    if count < len(texts):
        assert sms_text.count(joined("sms", all_of_them[: count + 1]).body).parts > 3
