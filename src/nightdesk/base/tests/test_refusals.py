"""What a refusal says to people and to programs."""

from nightdesk.base.actors import SCHEDULER, Actor
from nightdesk.base.refusals import IllegalTransition, Refusal, TooMany


def every_refusal(kind=Refusal):
    yield kind
    for child in kind.__subclasses__():
        yield from every_refusal(child)


def test_a_refusal_reads_as_what_was_asked_what_is_so_and_what_to_do():
    refusal = IllegalTransition("You asked to take this page.", "Bo has it.", "Ask Bo.")
    assert str(refusal) == "You asked to take this page. Bo has it. Ask Bo."


def test_a_problem_holds_the_members_of_rfc_9457_and_the_facts_beside_them():
    problem = TooMany("You sent an alarm.", "300 came in this minute.", "Wait.", retry_after=30).as_problem()
    assert problem["type"] == "urn:nightdesk:problem:too-many"
    assert (problem["status"], problem["code"], problem["retry_after"]) == (429, "too-many", 30)
    assert problem["detail"] == "You sent an alarm. 300 came in this minute. Wait."


def test_codes_are_one_a_kind_and_their_status_is_an_error_of_the_caller():
    kinds = [kind for kind in every_refusal() if kind.__module__ == Refusal.__module__]
    assert len({kind.code for kind in kinds}) == len(kinds) > 5
    assert all(400 <= kind.status < 500 for kind in kinds)


def test_who_somebody_is_does_not_hang_on_what_they_may_do():
    assert Actor("person", "7", "Bo", grants=frozenset({(None, "admin")})) == Actor("person", "7", "Bo")
    assert Actor("person", "7", "Bo").person_id == 7
    assert SCHEDULER.person_id is None
