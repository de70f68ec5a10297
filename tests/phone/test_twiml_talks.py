"""Over a provider that speaks Twilio's language: PIN, open pages, calls of several, and a web process that is killed."""

import pytest

from nightdesk.calls.asking_actions import (
    add_to_call,
    hold_call,
    let_listen,
    park_call,
    take_off_hold,
    take_parked_call,
)
from nightdesk.calls.line_actions import set_pin
from nightdesk.calls.models import Call, Leg
from nightdesk.calls.twiml_models import TwimlLeg
from nightdesk.channels.models import Inbound
from nightdesk.customers.models import Contact
from nightdesk.paging.actions import trigger_page
from nightdesk.paging.models import Page
from nightdesk.people.queries import actor_of_person
from tests.phone.company import MAIN_NUMBER, STAFF_NUMBER
from tests.phone.provider import (
    ACME,
    MOBILES,
    SAME,
    Story,
    WebProcess,
    both_talk,
    engineers,
    in_talk,
    now,
    press_until,
    shared,
    takes,
)
from tests.phone.telephone import recognised, speech_like
from tests.requires import requires
from tests.system.stack import until

pytestmark = [requires("asterisk", "baresip", "espeak-ng", "sox"), pytest.mark.django_db(transaction=True)]

STRANGER, PIN = "+447700900199", "483019"


def test_a_caller_whom_nobody_knows_is_known_by_their_pin_which_is_nowhere_kept(story: Story) -> None:
    al, _bo = engineers(story, joins_s=[60, 90], ring_s=90, longest_hunt_s=300)
    acme = Contact.objects.get(phone=ACME)
    set_pin(contact_id=acme.pk, pin=PIN, **story.company.doing)
    engineer = story.telephone(MOBILES["Al"])
    caller = story.telephone(STRANGER, register=False)
    caller.dial(MAIN_NUMBER)
    engineer.wait("CALL_INCOMING", seconds=30)
    call = story.company.call(STRANGER)
    assert call.customer is None
    press_until(caller, "*", lambda: now(call).state["stage"] == "pin")
    until(lambda: any("PIN" in text for text in story.said_to(STRANGER)), 20, "they are asked for it")
    caller.press(f"{PIN}#")
    until(lambda: now(call).customer_id == acme.customer_id, 30, f"known by PIN: {story.company.story(call)}")
    engineer.wait("CALL_INCOMING", 2, seconds=30)
    engineer.accept()
    leg = Leg.objects.filter(call=call, person=al).order_by("-ordered_at")[0].name
    takes(story, call, engineer, leg)
    story.company.reaches(call, "talk")
    caller.hang_up()
    call = story.company.ended(call)
    assert (call.known_by, call.ended_as, call.answered_person) == ("pin", "answered", al)
    assert PIN not in str(story.company.story(call))
    assert PIN not in str(list(Inbound.objects.values())) + str(list(TwimlLeg.objects.values()))


def test_one_of_ours_hears_open_pages_and_takes_one_by_key(story: Story) -> None:
    """From a telephone that nobody knows: their own rings with the page just then."""
    al = story.company.engineer("Al", mobile=MOBILES["Al"])
    story.company.line([al])
    set_pin(person_id=al.pk, pin=PIN, **story.company.doing)
    page = trigger_page(brand_id=story.company.brand.pk, title="core-2 is down", priority="P1", **story.company.doing)
    caller = story.telephone(STRANGER, register=False)
    caller.dial(STAFF_NUMBER)
    call = story.company.call(STRANGER)
    story.company.reaches(call, "pin")
    until(lambda: any("PIN" in text for text in story.said_to(STRANGER)), 20, "Al is asked for it")
    caller.press(f"{PIN}#")
    story.company.reaches(call, "read_out")
    until(lambda: any("core-2 is down" in text for text in story.said_to(STRANGER)), 30, "it is read out")
    press_until(caller, "1", lambda: Page.objects.get(pk=page.pk).state == "acknowledged")
    assert Page.objects.get(pk=page.pk).owner == al
    story.company.ended(call, 60)


def test_a_colleague_joins_a_newcomer_only_listens_and_who_is_parked_is_taken(story: Story) -> None:
    al, bo, cy = engineers(story, "Cy", joins_s=[60, 90])
    engineer = story.telephone(MOBILES["Al"], answers="auto", says=speech_like(4, 31), says_when_told=True)
    colleague = story.telephone(MOBILES["Bo"], answers="auto", says=speech_like(4, 32), says_when_told=True)
    newcomer = story.telephone(MOBILES["Cy"], answers="auto", says=speech_like(4, 33), says_when_told=True)
    caller = story.telephone(ACME)
    caller.dial(MAIN_NUMBER)
    call = story.company.call(ACME)
    takes(story, call, engineer, "e1")
    doing = story.company.doing | {"by": actor_of_person(al.pk)}

    hold_call(call_id=call.pk, **doing)
    in_talk(story, 0)
    engineer.say()
    engineer.wait_said()
    take_off_hold(call_id=call.pk, **doing)
    in_talk(story, 2)

    add_to_call(call_id=call.pk, person_id=bo.pk, **doing)
    story.company.until_so(call, lambda one: len(one.state["legs"]) == 3, "Bo is rung")
    takes(story, call, colleague, next(iter(set(now(call).state["legs"]) - {"caller", "e1"})))
    before = set(now(call).state["legs"])
    let_listen(call_id=call.pk, person_id=cy.pk, **doing)
    story.company.until_so(call, lambda one: len(one.state["legs"]) == 4, "Cy is rung")
    takes(story, call, newcomer, next(iter(set(now(call).state["legs"]) - before)))
    in_talk(story, 4)
    story.company.hears_out(call)
    for telephone in (newcomer, colleague):
        telephone.say()
        telephone.wait_said()
    newcomer.hang_up()
    colleague.hang_up()
    in_talk(story, 2)

    park_call(call_id=call.pk, **doing)
    engineer.wait("CALL_CLOSED")
    again = len(colleague.saw("CALL_ESTABLISHED")) + 1
    take_parked_call(call_id=call.pk, **story.company.doing | {"by": actor_of_person(bo.pk)})
    colleague.wait("CALL_ESTABLISHED", again, seconds=30)
    story.company.until_so(call, lambda one: "asked" in one.state["legs"].values(), "Bo is asked for a key")
    leg = next(name for name, stands in now(call).state["legs"].items() if stands == "asked")
    takes(story, call, colleague, leg)
    in_talk(story, 2)
    caller.hang_up()
    call = story.company.ended(call)
    colleague.wait("CALL_CLOSED", 2)
    assert call.ended_as == "answered"
    heard = {one.user: one.heard() for one in (caller, engineer, colleague, newcomer)}
    for who in (caller, engineer, newcomer):
        assert recognised(colleague.said, heard[who.user]) >= 0.6, who.user
    for who in (caller, engineer, colleague):
        assert recognised(newcomer.said, heard[who.user]) == 0, f"{who.user} hears who only listens"
    assert recognised(engineer.said, heard[caller.user]) == 0, "on hold nobody hears what is said of them"


def test_the_web_process_is_killed_between_two_hooks_and_the_provider_goes_on_at_its_step(
    story: Story, web: WebProcess
) -> None:
    al, _bo = engineers(story, joins_s=[60, 90], ring_s=90, longest_hunt_s=300)
    story.peer.patience_s = 120.0
    engineer = story.telephone(MOBILES["Al"], says=speech_like(60, 34))
    caller = story.telephone(ACME, says=speech_like(60, 35))
    caller.dial(MAIN_NUMBER)
    engineer.wait("CALL_INCOMING", seconds=30)
    call = story.company.call(ACME)
    web.kill()
    engineer.accept()
    engineer.wait("CALL_ESTABLISHED")
    web.start()
    web.answers()
    takes(story, call, engineer, "e1")
    story.company.reaches(call, "talk")
    both_talk(story, 10)
    web.kill()
    caller.hang_up()
    caller.wait("CALL_CLOSED")
    web.start()
    web.answers()
    call = story.company.ended(call, 60)
    engineer.wait("CALL_CLOSED")
    assert (call.ended_as, call.answered_person) == ("answered", al)
    assert (Call.objects.count(), Leg.objects.filter(call=call).count()) == (1, 1)
    assert len(engineer.saw("CALL_INCOMING")) == 1
    assert shared(engineer.said, caller.heard()) >= SAME
    assert shared(caller.said, engineer.heard()) >= SAME
