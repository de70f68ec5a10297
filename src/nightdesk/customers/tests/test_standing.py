"""What a contact may do by themselves: the table, written by hand once more."""

from pathlib import Path

import pytest

from nightdesk.access.matrix import INNER_WORKINGS, VERBS
from nightdesk.customers import standing
from nightdesk.customers.models import Contact, Customer
from nightdesk.customers.standing import Sees, Standing, may, sees_all

# verb: who may do it about themselves, who about their company. V M K: viewer, member, manager (who keeps the people).
EXPECTED = """
edit_contact VMK K
ask_mobile_code VMK -
verify_mobile VMK -
remove_mobile VMK K
make_contact_token VMK -
revoke_contact_token VMK K
make_feed_link VMK -
revoke_feed_link VMK K
share_outage VMK VMK
make_contact K K
invite_contact K K
set_contact_standing K K
mark_contact_left K K
confirm_contact K K
set_company_rule K K
save_wish VMK K
remove_wish VMK K
decide_unsubscribe K K
save_contact_hook VMK -
add_contact_browser VMK -
remove_contact_endpoint VMK K
open_ticket MK MK
take_message MK MK
close_ticket MK MK
reopen_ticket MK MK
ask_for_manager MK MK
"""
LETTERS = {"V": Standing.VIEWER, "M": Standing.MEMBER, "K": Standing.MANAGER}
ROWS = [line.split() for line in EXPECTED.splitlines() if line]


def test_every_verb_of_a_contact_is_expected_here_and_is_a_verb_of_the_house():
    assert set(standing.VERBS) == {verb for verb, *_ in ROWS}
    assert set(standing.VERBS) <= VERBS.keys() | INNER_WORKINGS.keys()


@pytest.mark.parametrize(("verb", "own", "company"), ROWS)
def test_each_standing_may_what_is_expected_of_it(verb: str, own: str, company: str):
    for letter, one in LETTERS.items():
        assert (may(one, verb, own=True), may(one, verb, own=False)) == (letter in own, letter in company), one


@pytest.mark.parametrize("verb", [*standing.VERBS, "make_contract", "no_such_verb"])
def test_without_a_standing_nothing_may_be_done_and_the_staffs_verbs_never(verb: str):
    assert not may("", verb, own=True)
    if verb not in standing.VERBS:
        assert not any(may(one, verb, own=own) for one in Standing for own in (True, False))


@pytest.mark.parametrize(
    ("rule", "who_see_all"),
    [(Sees.OWN, set()), (Sees.MANAGERS_ALL, {Standing.MANAGER}), (Sees.ALL, set(Standing))],
)
def test_the_companys_rule_says_who_sees_what_colleagues_reported(rule: Sees, who_see_all: set[Standing]):
    assert {one for one in Standing if sees_all(rule, one)} == who_see_all


def test_tables_and_decisions_know_the_same_words():
    assert set(Contact.Standing.values) == {"", *Standing}
    assert set(Customer.Sees.values) == set(Sees)


def test_the_page_of_roles_shows_the_table_as_it_is():
    page = Path(standing.__file__).parents[3] / "docs" / "roles.md"
    assert standing.table() in page.read_text(encoding="utf-8")
