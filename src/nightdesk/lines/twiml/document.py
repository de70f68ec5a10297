"""Steps as a TwiML document (https://www.twilio.com/docs/voice/twiml). What is spoken stands in it and nowhere else."""

from collections.abc import Iterable
from xml.etree import ElementTree

from nightdesk.lines.leg import Gather, HangUp, Meet, Pause, Play, Record, Redirect, Reject, Say, Step

CONTENT_TYPE = "text/xml; charset=utf-8"


def document(steps: Iterable[Step]) -> str:
    """The whole document; whatever the texts hold, it is well-formed."""
    root = ElementTree.Element("Response")
    for step in steps:
        _add(root, step)
    return '<?xml version="1.0" encoding="UTF-8"?>' + ElementTree.tostring(root, encoding="unicode")


def _add(parent: ElementTree.Element, step: Step) -> None:
    match step:
        case Say(text, language, voice):
            said = {"language": language} | ({"voice": voice} if voice else {})
            ElementTree.SubElement(parent, "Say", said).text = _writable(text)
        case Play(url, times):
            again = {"loop": str(times)} if times != 1 else {}
            ElementTree.SubElement(parent, "Play", again).text = _writable(url)
        case Pause(seconds):
            ElementTree.SubElement(parent, "Pause", {"length": str(seconds)})
        case Gather():
            told = {
                "input": "dtmf",
                "action": step.ask_at,
                "method": "POST",
                "numDigits": str(step.digits),
                "timeout": str(step.wait_s),
            } | ({"finishOnKey": ""} if step.any_key else {})
            inner = ElementTree.SubElement(parent, "Gather", told)
            for inside in step.inside:
                _add(inner, inside)
        case Redirect(ask_at):
            ElementTree.SubElement(parent, "Redirect", {"method": "POST"}).text = ask_at
        case HangUp():
            ElementTree.SubElement(parent, "Hangup")
        case Reject(busy):
            ElementTree.SubElement(parent, "Reject", {"reason": "busy" if busy else "rejected"})
        case Record():
            _add_record(parent, step)
        case Meet():
            _add_meeting(parent, step)


def _add_record(parent: ElementTree.Element, step: Record) -> None:
    told = {
        "action": step.ask_at,
        "method": "POST",
        "maxLength": str(step.longest_s),
        "timeout": str(step.silence_s),
        "finishOnKey": "#",
        "playBeep": "true" if step.tone else "false",
        "trim": "do-not-trim",
        "recordingStatusCallback": step.kept_at,
        "recordingStatusCallbackMethod": "POST",
        "recordingStatusCallbackEvent": "completed absent",
    }
    ElementTree.SubElement(parent, "Record", told)


def _add_meeting(parent: ElementTree.Element, step: Meet) -> None:
    """The others stay when one of them leaves; nobody is asked to record it."""
    dial = ElementTree.SubElement(parent, "Dial", {"action": step.ask_at, "method": "POST", "hangupOnStar": "true"})
    told = {
        "muted": "true" if step.muted else "false",
        "beep": "false",
        "startConferenceOnEnter": "true",
        "endConferenceOnExit": "false",
        "waitUrl": step.alone_at,
        "waitMethod": "GET",
    }
    ElementTree.SubElement(dial, "Conference", told).text = _writable(step.room)


def _writable(text: str) -> str:
    """`text` without the signs that XML 1.0 cannot hold at all, not even escaped."""
    return "".join(sign if sign in "\t\n\r" or _allowed(ord(sign)) else " " for sign in text)


def _allowed(code: int) -> bool:
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
