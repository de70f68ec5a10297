"""The switch of a telephony provider (`tests.peers.twiml_peer.Switch`): an Asterisk, by ARI, as an application of its own."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nightdesk.lines.asterisk.client import Ari, Away, LegGone, Refused
from nightdesk.lines.exchange import Words
from nightdesk.lines.speech import Speech
from tests.peers.twiml_peer import Connection, NotAnswered, Stopped
from tests.phone.asterisk import SECRET, USER, Asterisk

APPLICATION = "provider"
DIALPLAN = f"[nightdesk]\nexten => _[+0-9]!,1,Stasis({APPLICATION},in,${{EXTEN}})\n same => n,Hangup()\n"
TROUBLES = (LegGone, Refused, Away)
_numbers = itertools.count(1)


class Channel:
    """One channel of the Asterisk; see `Connection`."""

    def __init__(self, switch: "AsteriskSwitch", name: str) -> None:
        self.switch, self.name = switch, name
        self.digits: asyncio.Queue[str] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.room = ""

    async def answer(self) -> None:
        await self._ask("POST", f"channels/{self.name}/answer")

    async def play(self, wav: bytes) -> None:
        name = f"play-{self.switch.application}-{next(_numbers)}"
        file = self.switch.folder / f"{name}.wav"
        file.write_bytes(wav)
        file.chmod(0o644)
        heard = self.switch.expect(name)
        try:
            await self._ask(
                "POST", f"channels/{self.name}/play", media=f"sound:{file.with_suffix('')}", playbackId=name
            )
            await asyncio.shield(heard)
        except asyncio.CancelledError:
            await self._ask("DELETE", f"playbacks/{name}")
            raise
        finally:
            self.switch.forget(name)
            file.unlink()

    async def record(self, longest_s: int, silence_s: int, *, tone: bool) -> tuple[bytes, str]:
        name = f"record-{self.switch.application}-{next(_numbers)}"
        done = self.switch.expect(name)
        try:
            await self._ask(
                "POST", f"channels/{self.name}/record", name=name, format="wav", beep=tone, ifExists="overwrite",
                maxDurationSeconds=longest_s, maxSilenceSeconds=silence_s, terminateOn="#",
            )  # fmt: skip
            told = await asyncio.shield(done)
        except asyncio.CancelledError:
            await self._ask("POST", f"recordings/live/{name}/stop")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(done), 3)
            raise Stopped(await self.switch.ari.fetch_recording(name)) from None
        wav = await self.switch.ari.fetch_recording(name)
        pressed = "" if self.digits.empty() else list(self.digits._queue)[-1]  # type: ignore[attr-defined]
        if self.ended.is_set():
            return wav, "hangup"
        if pressed == "#":
            return wav, "key"
        return wav, "longest" if int(told.get("duration") or 0) >= longest_s else "silence"

    async def meet(self, room: str, *, muted: bool) -> None:
        with contextlib.suppress(*TROUBLES):
            # Of a plain one the first two hear nothing any more once a third one joins.
            await self.switch.ari.ask("POST", f"bridges/{room}", type="mixing,video_sfu", name=room)
        self.room = room
        await self._ask("POST", f"bridges/{room}/addChannel", channel=self.name, mute=muted)

    async def part(self) -> None:
        if self.room:
            await self._ask("POST", f"bridges/{self.room}/removeChannel", channel=self.name)
        self.room = ""

    async def hang_up(self, *, busy: bool = False) -> None:
        await self._ask("DELETE", f"channels/{self.name}", reason="busy" if busy else "normal")

    async def _ask(self, method: str, path: str, **query: Any) -> None:
        with contextlib.suppress(*TROUBLES):  # it has just gone: `ended` says so
            await self.switch.ari.ask(method, path, **query)


class AsteriskSwitch:
    """`telephones` maps an outside number to the endpoint that is rung for it; other numbers are nobody's. Calls from outside
    come to the `application` that the dialplan names.
    """

    def __init__(self, asterisk: Asterisk, telephones: Mapping[str, str], application: str = APPLICATION) -> None:
        self.application = application
        self.ari = Ari(asterisk.url, USER, SECRET, application)
        self.folder = asterisk.folder / application
        self.folder.mkdir(exist_ok=True, mode=0o755)
        self.folder.chmod(0o755)
        self.telephones = dict(telephones)
        self.rung: list[str] = []
        self._speech = Speech(self.folder / "speech")
        self._channels: dict[str, Channel] = {}
        self._waiting: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._dialled: dict[str, tuple[asyncio.Future[Channel], Callable[[], None]]] = {}
        self._came: Callable[[Connection, str, str], None] | None = None
        self._running: asyncio.Task[None] | None = None

    async def open(self, came: Callable[[Connection, str, str], None]) -> None:
        self._came = came
        opened = asyncio.Event()

        async def connected() -> None:
            opened.set()

        self._running = asyncio.create_task(self.ari.run(self._told, connected))
        await asyncio.wait_for(opened.wait(), 20)

    async def close(self) -> None:
        for channel in list(self._channels.values()):
            await channel.hang_up()
        assert self._running is not None
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running

    async def speak(self, text: str, language: str) -> bytes:
        file = await self._speech.file_of(Words(text, language))
        return await asyncio.to_thread(Path(file).read_bytes)

    async def dial(self, to: str, shown: str, ringing: Callable[[], None]) -> Channel:
        self.rung.append(to)
        endpoint = self.telephones.get(to)
        if to.startswith("sip:"):
            endpoint = f"PJSIP/{to.removeprefix('sip:').partition('@')[0]}"
        if endpoint is None:
            raise NotAnswered("failed")
        name = f"{self.application}-{next(_numbers)}"
        answered: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._dialled[name] = answered, ringing
        try:
            await self.ari.ask(
                "POST", "channels", endpoint=endpoint, app=self.application, appArgs="out", channelId=name,
                callerId=shown, timeout=120,
            )  # fmt: skip
            return await answered
        except Refused:
            raise NotAnswered("failed") from None
        except asyncio.CancelledError:
            with contextlib.suppress(*TROUBLES):
                await self.ari.ask("DELETE", f"channels/{name}")
            raise
        finally:
            self._dialled.pop(name, None)

    def expect(self, name: str) -> "asyncio.Future[Mapping[str, Any]]":
        """What ARI tells at the end of a playback or a recording of that name."""
        self._waiting[name] = asyncio.get_running_loop().create_future()
        return self._waiting[name]

    def forget(self, name: str) -> None:
        self._waiting.pop(name, None)

    def _told(self, event: Mapping[str, Any]) -> None:
        match event["type"]:
            case "StasisStart":
                self._entered(event["channel"], event.get("args") or [])
            case "Dial" if event["dialstatus"] in ("RINGING", "PROGRESS") and event["peer"]["id"] in self._dialled:
                self._dialled[event["peer"]["id"]][1]()
            case "ChannelStateChange" if event["channel"]["state"] == "Ringing":
                if event["channel"]["id"] in self._dialled:
                    self._dialled[event["channel"]["id"]][1]()
            case "ChannelDtmfReceived" if event["channel"]["id"] in self._channels:
                self._channels[event["channel"]["id"]].digits.put_nowait(str(event["digit"]))
            case "PlaybackFinished":
                self._done(event["playback"]["id"], event["playback"])
            case "RecordingFinished" | "RecordingFailed":
                self._done(event["recording"]["name"], event["recording"])
            case "StasisEnd" | "ChannelDestroyed":
                self._left(event["channel"]["id"], int(event.get("cause") or 0))

    def _entered(self, told: Mapping[str, Any], args: list[str]) -> None:
        channel = self._channels.setdefault(told["id"], Channel(self, told["id"]))
        if args[:1] == ["in"]:
            assert self._came is not None
            self._came(channel, _plus(told["caller"]["number"]), args[1])
        elif told["id"] in self._dialled and not self._dialled[told["id"]][0].done():
            self._dialled[told["id"]][0].set_result(channel)

    def _done(self, name: str, told: Mapping[str, Any]) -> None:
        waiting = self._waiting.get(name)
        if waiting is not None and not waiting.done():
            waiting.set_result(told)

    def _left(self, name: str, cause: int) -> None:
        channel = self._channels.pop(name, None)
        if channel is not None:
            channel.ended.set()
        answered, _ringing = self._dialled.get(name, (None, None))
        if answered is not None and not answered.done():
            status = {17: "busy", 18: "no-answer", 19: "no-answer", 21: "busy"}.get(cause, "failed")
            answered.set_exception(NotAnswered(status))


def _plus(number: str) -> str:
    """The caller's number in E.164; "" for words."""
    return number if number.startswith("+") else f"+{number}" if number.isdigit() else ""
