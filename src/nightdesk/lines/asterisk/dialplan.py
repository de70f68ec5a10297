"""What Asterisk has to be told: a dialplan of a few lines, and what ARI and telephones need beside it. Pure.

While Nightdesk is there, Asterisk hands it every call. While it is away, `Stasis` fails at once: then everybody on the
line is rung together, and what the caller says is recorded for Nightdesk to find. Whoever rings off meanwhile leaves a mark.
"""

from collections.abc import Sequence
from dataclasses import dataclass

CONTEXT = "nightdesk"
"""Where calls have to come in."""
FALLBACK = "nightdesk-fallback"
"""Where they go while Nightdesk is away; what it records begins with this too."""
_TAKE = f"{FALLBACK}-take"
LONGEST_S = 4 * 60 * 60
"""Seconds after which Asterisk ends any call, so that nobody waits for ever should Nightdesk not come back."""


@dataclass(frozen=True, slots=True)
class LinePlan:
    """A line, as the dialplan needs it: its numbers (E.164), and the telephones that are rung while Nightdesk is away."""

    name: str
    numbers: Sequence[str]
    telephones: Sequence[str]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all lines. `recordings`: Asterisk's folder for them; `prompt`: a sound file that asks for a message,
    without its ending, "" none. `ring_s`, `message_s`: how long is rung, and recorded.
    """

    application: str = "nightdesk"
    recordings: str = "/var/spool/asterisk/recording"
    prompt: str = ""
    ring_s: int = 30
    message_s: int = 180


def extensions(lines: Sequence[LinePlan], setting: Setting) -> str:
    """The part for `extensions.conf`."""
    every = sorted({telephone for line in lines for telephone in line.telephones})
    number = '${IF($["${CALLERID(num-pres):0:6}" = "prohib"]?:${FILTER(0-9+,${CALLERID(num)})})}'
    file = f"{setting.recordings}/{FALLBACK}-${{EPOCH}}-${{EXTEN}}-{number}-${{UNIQUEID}}.wav"
    rows = [
        "; Made by `nightdesk line dialplan`. Make it anew when lines or telephones change.",
        f"[{CONTEXT}]",
        f"exten => _[+0-9]!,1,Set(TIMEOUT(absolute)={LONGEST_S})",
        f" same => n,Stasis({setting.application},in,${{EXTEN}},${{CALLERID(num-pres)}})",
        f' same => n,GotoIf($["${{STASISSTATUS}}" = "FAILED"]?{FALLBACK},${{EXTEN}},1)',
        " same => n,Hangup()",
        "",
        f"[{FALLBACK}]",
    ]
    for line in lines:
        for at in line.numbers:
            rows += _rung(at, line.telephones, _comment(line.name))
    rows += _rung("_[+0-9]!", every, "any other number")
    rows += _rung("s", every, "no number")
    rows += [
        "",
        f"[{_TAKE}]",
        f"exten => _[+0-9s]!,1,Set(NIGHTDESK_FILE={file})",
        f' same => n,ExecIf($["${{NIGHTDESK_RING}}" != ""]?Dial(${{NIGHTDESK_RING}},{setting.ring_s},r))',
        " same => n,Answer()",
        *([f" same => n,Playback({setting.prompt})"] if setting.prompt else []),
        f" same => n,Record(${{NIGHTDESK_FILE}},5,{setting.message_s},k)",
        " same => n,Hangup()",
        'exten => h,1,ExecIf($["${DIALSTATUS}" != "ANSWER" & ${STAT(e,${NIGHTDESK_FILE})} = 0]?Set(FILE(${NIGHTDESK_FILE})=-))',
        "",
    ]
    return "\n".join(rows)


def _rung(extension: str, telephones: Sequence[str], comment: str) -> list[str]:
    rung = "&".join(f"PJSIP/{telephone}" for telephone in telephones)
    return [
        f"exten => {extension},1,Set(NIGHTDESK_RING={rung})  ; {comment}",
        f" same => n,Goto({_TAKE},${{EXTEN}},1)",
    ]


def _comment(text: str) -> str:
    return " ".join(text.replace(";", ",").split())


def ari(user: str, http_port: int = 8088) -> str:
    """The parts for `ari.conf` and `http.conf`. The password is the operator's to choose."""
    return "\n".join(
        [
            "; ari.conf",
            "[general]",
            "enabled = yes",
            "websocket_write_timeout = 1000",
            f"[{user}]",
            "type = user",
            "read_only = no",
            "password = (the same as in NIGHTDESK_ARI_SECRET)",
            "password_format = plain",
            "",
            "; http.conf: only this machine may come in",
            "[general]",
            "enabled = yes",
            "bindaddr = 127.0.0.1",
            f"bindport = {http_port}",
            "",
        ]
    )


def pjsip(telephones: Sequence[str]) -> str:
    """The parts for `pjsip.conf`: the trunk, and each telephone that registers."""
    rows = [
        "; pjsip.conf. Calls of the carrier and of our own telephones both come in at the context nightdesk.",
        "[trunk]",
        "type = endpoint",
        f"context = {CONTEXT}",
        "disallow = all",
        "allow = alaw,ulaw",
        "direct_media = no",
        "rtp_symmetric = yes",
        "trust_id_inbound = yes",
        "aors = trunk",
        "[trunk]",
        "type = aor",
        "contact = sip:(the carrier's address)",
        "[trunk]",
        "type = identify",
        "endpoint = trunk",
        "match = (the carrier's address)",
        "",
    ]
    for name in telephones:
        rows += [
            f"[{name}]",
            "type = endpoint",
            f"context = {CONTEXT}",
            "disallow = all",
            "allow = alaw,ulaw",
            "direct_media = no",
            "rtp_symmetric = yes",
            f"auth = {name}",
            f"aors = {name}",
            f"[{name}]",
            "type = auth",
            f"username = {name}",
            "password = (choose one for each)",
            f"[{name}]",
            "type = aor",
            "max_contacts = 1",
            "remove_existing = yes",
            "",
        ]
    return "\n".join(rows)
