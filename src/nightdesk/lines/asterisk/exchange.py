"""`lines.exchange` at an Asterisk: orders become ARI requests, and what ARI tells becomes events.

Whatever Asterisk holds of a call is named after it, so that a process that comes back finds it again: a leg's channel is
`CALL.LEG` (the caller's has the name that Asterisk gave it, and the call's id is made from that), the bridge `CALL`, a
recording `CALL.LEG.NAME`. A recording is fetched, reported, and only then deleted: what was recorded while we were away
is reported once we are back.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from nightdesk.base.files import keep_file
from nightdesk.lines import exchange, sound
from nightdesk.lines.asterisk.client import Ari, Away, LegGone, Refused, Told
from nightdesk.lines.asterisk.dialplan import FALLBACK
from nightdesk.lines.asterisk.fallen import TakeFallen, look_for_fallen
from nightdesk.lines.asterisk.known import Call, Ended, Leg, read_channel, read_recording
from nightdesk.lines.exchange import CALLER, Alive, Event, Gone, Heard, Key, Order, PickedUp, Recorded, Ringing, Said
from nightdesk.lines.speech import Speech
from nightdesk.people import numbers

log = logging.getLogger(__name__)

CALLS = UUID("6c1e6f0e-8f6b-5d0c-9d5c-1f0a5f3c7a11")
"""The namespace of the ids of calls that came in."""
SETUP_S = 15.0
"""Seconds until a telephone has to ring: mobile networks take some."""
SILENT_S = 0.4
"""What is ordered within that after an answer is all that is heard; else a ringing tone."""
AGAIN = 40
"""How often a tone of `speech.LOOP_S` is queued at once: half an hour, should we be away."""
LATEST_RECORDING_S = 10.0
"""Seconds that the end of a leg waits for the end of what is recorded of it."""
GONE = (LegGone, Refused, Away)
RING_S, LISTENS, TAKEN = "nightdesk_ring_s", "nightdesk_listens", "nightdesk_taken"
"""Variables of a channel: how long it rings, that it is not heard, that its coming is written down."""


class Asterisk:
    """One Asterisk. `trunk` says how an outside number is rung: "PJSIP/{number}@trunk"; `region` (ISO 3166-1) how numbers
    without a country code are read; `fallen` takes what the dialplan recorded while we were away.
    """

    def __init__(
        self,
        ari: Ari,
        speech: Speech,
        *,
        trunk: str = "PJSIP/{number}@trunk",
        region: str = "GB",
        fallen: TakeFallen | None = None,
    ) -> None:
        self._ari, self._speech = ari, speech
        self._trunk, self._region, self._fallen = trunk, region, fallen
        self._calls: dict[UUID, Call] = {}
        self._channels: dict[str, tuple[Call, Leg]] = {}
        self._playbacks: dict[str, tuple[Call, Leg]] = {}
        self._recordings: dict[str, tuple[Call, Leg]] = {}
        self._online: set[str] = set()
        self._held: list[Told] | None = []
        """What Asterisk told since it was connected, until what it holds is known."""
        self._found = asyncio.Event()
        self._asked = asyncio.Event()
        self._heard: Heard | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- What a line driver does -------------------------------------------------------------------------------------

    async def run(self, heard: Heard) -> None:
        """See `lines.exchange.Exchange`."""
        self._heard = heard
        if self._fallen is not None:
            self._start(look_for_fallen(self._ari, self._number, self._fallen))
        try:
            await self._ari.run(self._told, self._connected)
        finally:
            for task in list(self._tasks):
                task.cancel()

    async def alive(self) -> Sequence[Alive]:
        """See `lines.exchange.Exchange`. Waits for a connection; nothing is reported before it has been asked.

        After a later connection what ended meanwhile is reported as if it ended then.
        """
        await self._found.wait()
        self._asked.set()
        calls = [(call, list(call.legs.values())) for call in self._calls.values() if call.legs]
        return [
            Alive(call.id, [leg.name for leg in legs], [leg.name for leg in legs if leg.joined]) for call, legs in calls
        ]

    def reachable(self, telephones: Sequence[str]) -> Sequence[str]:
        """See `lines.exchange.Exchange`."""
        return [name for name in telephones if name in self._online]

    async def carry_out(self, call: UUID, orders: Sequence[Order]) -> None:
        """See `lines.exchange.Exchange`."""
        about = self._call(call)
        async with about.lock:
            for number, order in enumerate(orders):
                try:
                    await self._carry_out(about, order, orders[number + 1 :])
                except LegGone as gone:
                    log.debug("%s: %s", order, gone)  # its end is on its way to us
                except (Refused, Away) as trouble:
                    log.warning("%s was not done: %s", type(order).__name__, trouble)
        self._let_go(about)

    # --- Orders ------------------------------------------------------------------------------------------------------

    async def _carry_out(self, call: Call, order: Order, then: Sequence[Order]) -> None:
        if isinstance(order, exchange.Ring):
            await self._ring(call, order)
        elif isinstance(order, exchange.Join):
            await self._join(call, order)
        elif (leg := call.legs.get(order.leg)) is not None:
            match order:
                case exchange.Answer():
                    await self._answer(call, leg, then)
                case exchange.Say():
                    await self._say(call, leg, order)
                case exchange.Hold():
                    await self._hold(call, leg, order)
                case exchange.Record():
                    await self._record(call, leg, order)
                case exchange.StopRecording():
                    await self._stop_recording(call, leg, order)
                case exchange.PauseRecording():
                    name = call.recording_of(leg.name, order.name)
                    await self._ari.ask("DELETE" if order.go_on else "POST", f"recordings/live/{name}/pause")
                case exchange.HangUp():
                    await self._hang_up(call, leg, order)
                case exchange.FallBack():
                    await self._fall_back(call, leg)

    async def _answer(self, call: Call, leg: Leg, then: Sequence[Order]) -> None:
        if not leg.up:
            await self._ari.ask("POST", f"channels/{leg.channel}/answer")
            leg.up = True
        hears = any(
            leg.name in order.legs if isinstance(order, exchange.Join) else order.leg == leg.name for order in then
        )
        if not hears:
            self._start(self._under_lock(call, lambda: self._fill(call, leg), first=asyncio.sleep(SILENT_S)))

    async def _fill(self, call: Call, leg: Leg) -> None:
        """Let a leg that was answered and hears nothing yet hear a ringing tone."""
        if not (leg.playing or leg.awaits or leg.joined or leg.recording or leg.found):
            leg.tone = "ringing"
            await self._play_tone(call, leg)

    async def _ring(self, call: Call, order: exchange.Ring) -> None:
        known = call.legs.get(order.leg)
        if known is not None:
            if known.up:
                self._report(call, PickedUp(known.name))
            return
        leg = Leg(order.leg, call.channel_of(order.leg), ring_s=order.ring_s)
        outside = order.to.startswith("+")
        endpoint = self._trunk.format(number=order.to, digits=order.to[1:]) if outside else f"PJSIP/{order.to}"
        self._add(call, leg)
        self._set_timer(call, leg, SETUP_S)
        shown = re.sub(r'["\\<>\r\n]', " ", order.whispered)[:60]
        try:
            await self._ari.ask(
                "POST", "channels", {"variables": {RING_S: str(order.ring_s)}},
                endpoint=endpoint, app=self._ari.application, appArgs="leg", channelId=leg.channel,
                callerId=f'"{shown}" <{order.show}>' if shown else order.show, timeout=round(order.ring_s + SETUP_S),
            )  # fmt: skip
        except LegGone:
            log.info("The channel %s is there already; its events come.", leg.channel)
        except Refused as refused:  # 500 "Allocation failed": it is not registered
            self._ended(call, leg, Gone(leg.name, "unreachable", str(refused)))

    async def _say(self, call: Call, leg: Leg, order: exchange.Say) -> None:
        """What has been spoken before is heard at once. Making the rest takes a moment, in which other orders go on."""
        await self._quieten(leg)
        leg.tone = ""
        leg.awaits = order
        if all([await self._speech.is_made(words) for words in order.words]):
            await self._say_now(call, leg, order)
        else:
            self._start(self._under_lock(call, lambda: self._say_now(call, leg, order), first=self._make(order)))

    async def _make(self, order: exchange.Say) -> None:
        await asyncio.gather(*(self._speech.file_of(words) for words in order.words))

    async def _say_now(self, call: Call, leg: Leg, order: exchange.Say) -> None:
        if leg.awaits is not order:  # it is to hear something else by now
            return
        leg.awaits = None
        files = [await self._speech.file_of(words) for words in order.words]
        if files:
            await self._play(call, leg, files, say=order.name, stop=order.stop)
        else:
            self._report(call, Said(leg.name, order.name))

    async def _play(self, call: Call, leg: Leg, files: Sequence[Path], *, say: str = "", stop: str = "") -> None:
        playback = leg.next_playback()
        leg.playing, leg.say, leg.stop = playback, say, stop
        self._playbacks[playback] = call, leg
        media = ",".join(f"sound:{file.with_suffix('')}" for file in files)
        try:
            await self._ari.ask("POST", f"channels/{leg.channel}/play", media=media, playbackId=playback)
        except GONE:
            self._playbacks.pop(playback, None)
            leg.playing = leg.say = ""
            raise

    async def _play_tone(self, call: Call, leg: Leg) -> None:
        file = await (self._speech.ringing() if leg.tone == "ringing" else self._speech.music())
        await self._quieten(leg)
        await self._play(call, leg, [file] * AGAIN)

    async def _quieten(self, leg: Leg) -> None:
        """What the leg hears ends now, and is not reported as heard."""
        playing, leg.playing, leg.say, leg.awaits = leg.playing, "", "", None
        end = leg.possible_playbacks() if leg.found else [playing] if playing else []
        leg.found = False
        for playback in end:
            self._playbacks.pop(playback, None)
            with suppress(LegGone):
                await self._ari.ask("DELETE", f"playbacks/{playback}")

    async def _hold(self, call: Call, leg: Leg, order: exchange.Hold) -> None:
        leg.tone = "ringing" if order.ringing else "music"
        if leg.joined:
            await self._part(call, leg)
        if leg.up:
            await self._play_tone(call, leg)
        else:
            await self._ari.ask("POST", f"channels/{leg.channel}/ring")

    async def _join(self, call: Call, order: exchange.Join) -> None:
        call.wanted = {name: name in order.listening for name in [*order.legs, *order.listening]}
        alone = len(call.wanted) == 1
        for leg in list(call.legs.values()):
            parts = leg.joined and (alone or leg.name not in call.wanted)
            if parts:
                await self._part(call, leg)
            if leg.up and ((alone and leg.name in call.wanted) or parts):
                leg.tone = "music" if leg.name in call.wanted else "ringing"
                with suppress(LegGone):
                    await self._play_tone(call, leg)
        if alone or not call.wanted:
            return
        before = call.bridge
        # Two have a bridge of their own. Asterisk 22.10 stops sending to the first two of a bridge that a third one joins: three
        # and more get another one, which mixes from its first moment on.
        call.bridge = call.bridges[1] if len(call.wanted) > 2 else before or call.bridges[0]
        if call.bridge != before:
            kind = "mixing" if call.bridge == call.bridges[0] else "mixing,video_sfu"
            await self._ari.ask("POST", f"bridges/{call.bridge}", type=kind, name="nightdesk")
            for leg in call.legs.values():
                leg.joined = False
        for leg in list(call.legs.values()):
            with suppress(LegGone):
                await self._put_in(call, leg)
        if before and call.bridge != before:
            await self._quietly(self._ari.ask("DELETE", f"bridges/{before}"))

    async def _put_in(self, call: Call, leg: Leg) -> None:
        """Let the leg into the call's bridge if it is wanted there, as it is wanted; not before somebody has picked up."""
        listens = call.wanted.get(leg.name)
        if listens is None or len(call.wanted) < 2 or not leg.up or (leg.joined and leg.listening == listens):
            return
        leg.tone = ""
        await self._quieten(leg)
        if leg.joined:
            await self._part(call, leg)
        if leg.listening != listens:
            await self._set_variable(leg, LISTENS, "1" if listens else "")
        # Nobody is shown whom they talk with: not the engineer's number to the caller, nor the other way round.
        await self._ari.ask(
            "POST", f"bridges/{call.bridge}/addChannel",
            channel=leg.channel, mute=listens, inhibitConnectedLineUpdates=True,
        )  # fmt: skip
        leg.joined, leg.listening = True, listens

    async def _part(self, call: Call, leg: Leg) -> None:
        leg.joined = False
        with suppress(LegGone, Refused):
            await self._ari.ask("POST", f"bridges/{call.bridge}/removeChannel", channel=leg.channel)

    async def _record(self, call: Call, leg: Leg, order: exchange.Record) -> None:
        name = call.recording_of(leg.name, order.name)
        if leg.recording == name:
            return
        await self._quieten(leg)
        leg.tone = ""
        leg.recording, leg.longest_s, leg.stopped, leg.last_key = name, order.longest_s, False, ""
        leg.all_recorded.clear()
        self._recordings[name] = call, leg
        try:
            await self._ari.ask(
                "POST", f"channels/{leg.channel}/record", name=name, format="wav", ifExists="overwrite", beep=True,
                maxDurationSeconds=order.longest_s, maxSilenceSeconds=order.silence_s, terminateOn="#",
            )  # fmt: skip
        except GONE:
            self._not_recording(leg, name)
            raise

    def _not_recording(self, leg: Leg, name: str) -> None:
        self._recordings.pop(name, None)
        if leg.recording == name:
            leg.recording = ""
            leg.all_recorded.set()

    async def _stop_recording(self, call: Call, leg: Leg, order: exchange.StopRecording) -> None:
        name = call.recording_of(leg.name, order.name)
        if order.keep:
            leg.stopped = True
            await self._ari.ask("POST", f"recordings/live/{name}/stop")
        else:
            self._not_recording(leg, name)
            await self._ari.ask("DELETE", f"recordings/live/{name}")

    async def _hang_up(self, call: Call, leg: Leg, order: exchange.HangUp) -> None:
        leg.ours = True
        others = [other for other in call.legs.values() if other.up and other.name not in (CALLER, leg.name)]
        reason = "normal"
        if not leg.up and order.busy:
            reason = "busy"
        elif not leg.up and leg.name == CALLER:
            reason = "no_answer"
        elif not leg.up and others:
            reason = "answered_elsewhere"  # then no telephone shows it as missed
        await self._ari.ask("DELETE", f"channels/{leg.channel}", reason=reason)

    async def _fall_back(self, call: Call, leg: Leg) -> None:
        called = call.came.called if call.came else "s"
        await self._quieten(leg)
        await self._ari.ask("POST", f"channels/{leg.channel}/continue", context=FALLBACK, extension=called, priority=1)

    # --- What Asterisk tells -----------------------------------------------------------------------------------------

    def _told(self, event: Told) -> None:
        """From the reader: nothing here may wait."""
        if self._held is not None:
            self._held.append(event)
        else:
            self._take(event)

    def _take(self, event: Told) -> None:
        """One event that is not as it should be (another version's, a module's of its own) stops no call."""
        try:
            self._understand(event)
        except (LookupError, TypeError, ValueError, AttributeError):
            log.exception("An event of Asterisk could not be read: %.200s", event.get("type"))

    def _understand(self, event: Told) -> None:
        match event.get("type"):
            case "StasisStart":
                self._entered(event["channel"], event.get("args") or [])
            case "Dial" if event["dialstatus"] in ("RINGING", "PROGRESS"):
                self._rings(event["peer"]["id"])
            case "ChannelStateChange" if event["channel"]["state"] == "Ringing":
                self._rings(event["channel"]["id"])
            case "ChannelDtmfReceived":
                self._pressed(event["channel"]["id"], str(event["digit"]))
            case "PlaybackFinished":
                self._heard_out(event["playback"]["id"])
            case "RecordingFinished" | "RecordingFailed":
                self._recorded(event["recording"])
            case "StasisEnd":
                self._left(event["channel"]["id"], 16)
            case "ChannelDestroyed":
                self._left(event["channel"]["id"], int(event.get("cause") or 0))
            case "DeviceStateChanged":
                self._device(event["device_state"])

    def _entered(self, channel: Mapping[str, Any], args: Sequence[str]) -> None:
        """A caller, or somebody who picked up a leg of ours."""
        found = self._channels.get(channel["id"])
        if found is not None and found[1].name != CALLER:
            call, leg = found
            self._set_timer(call, leg, None)
            leg.up = True
            self._report(call, PickedUp(leg.name))
            if leg.name in call.wanted:
                self._start(self._under_lock(call, lambda: self._put_in(call, leg)))
        elif args[:1] == ["in"]:
            call = self._caller(channel, args)
            self._start(self._quietly(self._ari.ask("POST", f"channels/{channel['id']}/ring")))
            if call.came is not None:
                self._report(call, call.came)
        else:  # a leg of a call that nobody knows any more
            self._start(self._quietly(self._ari.ask("DELETE", f"channels/{channel['id']}")))

    def _caller(self, channel: Mapping[str, Any], args: Sequence[str]) -> Call:
        call = self._call(uuid5(CALLS, f"{channel['id']} {channel['creationtime']}"))
        self._add(call, Leg(CALLER, channel["id"], up=channel["state"] == "Up"))
        called = args[1] if len(args) > 1 and args[1] else channel["dialplan"]["exten"]
        withheld = len(args) > 2 and args[2].startswith("prohib")
        number = "" if withheld else channel["caller"]["number"]
        call.came = exchange.Came(CALLER, self._number(called), self._number(number))
        return call

    def _number(self, dialled: str) -> str:
        """E.164 where it can be read as that; a short or inner number as it stands; "" for words ("anonymous")."""
        try:
            return numbers.e164(dialled, self._region)
        except numbers.BadNumber:
            return dialled if re.fullmatch(r"\+?[0-9*#]{1,19}", dialled) else ""

    def _rings(self, channel: str) -> None:
        call, leg = self._channels.get(channel, (None, None))
        if call is None or leg is None or leg.rang or leg.up or leg.name == CALLER:
            return
        leg.rang = True
        self._set_timer(call, leg, float(leg.ring_s))
        self._report(call, Ringing(leg.name))

    def _set_timer(self, call: Call, leg: Leg, seconds: float | None) -> None:
        if leg.timer is not None:
            leg.timer.cancel()
        loop = asyncio.get_running_loop()
        leg.timer = None if seconds is None else loop.call_later(seconds, self._rang_long_enough, call, leg)

    def _rang_long_enough(self, call: Call, leg: Leg) -> None:
        why: exchange.Why = "no_answer" if leg.rang else "unreachable"
        self._start(self._quietly(self._ari.ask("DELETE", f"channels/{leg.channel}")))
        self._ended(call, leg, Gone(leg.name, why))

    def _pressed(self, channel: str, digit: str) -> None:
        call, leg = self._channels.get(channel, (None, None))
        if call is None or leg is None:
            return
        leg.last_key = digit
        if digit in (leg.awaits.stop if leg.awaits is not None else leg.stop if leg.say else ""):
            self._start(self._quietly(self._quieten(leg)))
        self._report(call, Key(leg.name, digit))

    def _heard_out(self, playback: str) -> None:
        call, leg = self._playbacks.pop(playback, (None, None))
        if call is None or leg is None or leg.playing != playback:
            return
        said, leg.playing, leg.say = leg.say, "", ""
        if said:
            self._report(call, Said(leg.name, said))
        elif leg.tone:
            self._start(self._under_lock(call, lambda: self._tone_again(call, leg)))

    async def _tone_again(self, call: Call, leg: Leg) -> None:
        if leg.tone and not (leg.playing or leg.awaits or leg.joined or leg.recording):
            await self._play_tone(call, leg)

    def _recorded(self, recording: Mapping[str, Any]) -> None:
        call, leg = self._recordings.pop(recording["name"], (None, None))
        if call is None or leg is None:
            return
        ended = leg.why_recording_ended(recording, gone=leg.channel not in self._channels)
        self._start(self._bring(call, leg, recording["name"], ended))

    async def _bring(self, call: Call, leg: Leg, recording: str, ended: Ended) -> None:
        """Fetch the recording and report it."""
        file, length = "", sound.Length(0.0, 0.0)
        try:
            content = sound.mended(await self._ari.fetch_recording(recording))
            length = await asyncio.to_thread(sound.measure, content)
            if length.seconds:
                file = await asyncio.to_thread(keep_file, content)
        except (LegGone, Refused, sound.NoSound) as trouble:
            log.info("The recording %s has nothing in it: %s", recording, trouble)
        except Away as away:
            log.warning("The recording %s waits at Asterisk: %s", recording, away)
            return
        name = recording.split(".", 2)[2]
        self._report(call, Recorded(leg.name, name, file, length.seconds, length.sound_s, ended), then_forget=recording)
        self._not_recording(leg, recording)

    def _left(self, channel: str, cause: int) -> None:
        call, leg = self._channels.get(channel, (None, None))
        if call is not None and leg is not None:
            self._ended(call, leg, Gone(leg.name, leg.why_gone(cause), f"Q.850 cause {cause}"))

    def _ended(self, call: Call, leg: Leg, gone: Gone) -> None:
        """The leg has gone. It is reported after what was recorded of it."""
        if self._channels.pop(leg.channel, None) is None:
            return
        self._set_timer(call, leg, None)
        self._playbacks.pop(leg.playing, None)
        call.legs.pop(leg.name, None)
        call.wanted.pop(leg.name, None)
        if leg.recording:
            self._start(self._report_after_recording(call, leg, gone))
        else:
            self._report(call, gone)

    async def _report_after_recording(self, call: Call, leg: Leg, gone: Gone) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LATEST_RECORDING_S):
                await leg.all_recorded.wait()
        self._report(call, gone)

    def _device(self, state: Mapping[str, Any]) -> None:
        technology, _, name = str(state["name"]).partition("/")
        if technology == "PJSIP":
            (self._online.discard if state["state"] in ("UNAVAILABLE", "INVALID", "UNKNOWN") else self._online.add)(
                name
            )

    # --- What we know ------------------------------------------------------------------------------------------------

    def _call(self, call: UUID) -> Call:
        return self._calls.setdefault(call, Call(call))

    def _add(self, call: Call, leg: Leg) -> None:
        call.legs[leg.name] = leg
        self._channels[leg.channel] = call, leg

    def _report(self, call: Call, event: Event, *, then_forget: str = "") -> None:
        """Let it be heard, after all that came before; then the recording may go."""
        call.queue.put_nowait((event, then_forget))
        if call.reporting is None or call.reporting.done():
            call.reporting = self._start(self._report_all(call))

    async def _report_all(self, call: Call) -> None:
        await self._asked.wait()
        while not call.queue.empty():
            event, recording = call.queue.get_nowait()
            assert self._heard is not None
            try:
                await self._heard(call.id, event)
            except Exception:
                log.exception("%s of call %s could not be heard; the call goes on.", type(event).__name__, call.id)
                continue  # a recording stays at Asterisk
            if recording:
                await self._quietly(self._ari.ask("DELETE", f"recordings/stored/{recording}"))
            if isinstance(event, exchange.Came) and CALLER in call.legs:  # or it would come again after a restart
                await self._quietly(self._set_variable(call.legs[CALLER], TAKEN, "1"))
        self._let_go(call)

    def _let_go(self, call: Call) -> None:
        """A call of which nothing is left is no longer known."""
        if call.legs or not call.queue.empty() or call.lock.locked():
            return
        self._calls.pop(call.id, None)
        if call.bridge:
            self._start(self._quietly(self._ari.ask("DELETE", f"bridges/{call.bridge}")))
            call.bridge = ""

    def _start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _quietly(self, work: Coroutine[Any, Any, Any]) -> None:
        with suppress(*GONE):
            await work

    async def _under_lock(
        self,
        call: Call,
        work: Callable[[], Coroutine[Any, Any, None]],
        first: Coroutine[Any, Any, None] | None = None,
    ) -> None:
        if first is not None:
            await first
        async with call.lock:
            await self._quietly(work())

    # --- After each connection ---------------------------------------------------------------------------------------

    def _connected(self) -> Coroutine[Any, Any, None]:
        """What Asterisk tells is held until what it holds is known."""
        self._held = []
        return self._find()

    async def _find(self) -> None:
        """What Asterisk has of ours. What it no longer has is reported as gone."""
        ask, application = self._ari.ask, self._ari.application
        await ask("POST", f"applications/{application}/subscription", eventSource="deviceState:")
        for endpoint in await ask("GET", "endpoints/PJSIP"):
            (self._online.add if endpoint.get("state") == "online" else self._online.discard)(endpoint["resource"])
        channels = {channel["id"]: channel for channel in await ask("GET", "channels")}
        for channel in channels.values():
            await self._find_channel(channel)
        for call, leg in list(self._channels.values()):
            if leg.channel not in channels:
                why = "failed" if leg.name == CALLER else leg.why_gone(16)  # whether they rang off is not known
                self._ended(call, leg, Gone(leg.name, why, "it ended while the connection was away"))
        for playback in list(self._playbacks):
            try:
                await ask("GET", f"playbacks/{playback}")
            except LegGone:
                self._heard_out(playback)
        for bridge in await ask("GET", "bridges"):
            await self._find_bridge(bridge)
        for recording in await ask("GET", "recordings/stored"):
            await self._find_recording(recording["name"])
        held, self._held = self._held or [], None
        for event in held:
            self._take(event)
        self._found.set()
        log.info("Asterisk is there, with %d calls of ours.", sum(1 for call in self._calls.values() if call.legs))

    async def _find_channel(self, channel: Mapping[str, Any]) -> None:
        application = self._ari.application
        dialplan = channel["dialplan"]
        args = str(dialplan.get("app_data") or "").split(",")
        named = read_channel(channel["id"])
        if channel["id"] in self._channels:
            self._channels[channel["id"]][1].up = channel["state"] == "Up"
        elif named is not None:
            call = self._call(named[0])
            leg = Leg(
                named[1], channel["id"], found=True, up=channel["state"] == "Up", rang=channel["state"] == "Ringing"
            )
            self._add(call, leg)
            if not leg.up:
                leg.ring_s = int(await self._variable(leg, RING_S) or 25)
                self._set_timer(call, leg, leg.ring_s if leg.rang else SETUP_S)
        elif dialplan.get("app_name") == "Stasis" and args[:2] == [application, "in"]:
            call = self._caller(channel, args[1:])
            call.legs[CALLER].found = True
            if call.came is not None and not await self._variable(call.legs[CALLER], TAKEN):
                self._report(call, call.came)
        else:
            return
        with suppress(LegGone, Refused):
            await self._ari.ask(
                "POST", f"applications/{application}/subscription", eventSource=f"channel:{channel['id']}"
            )

    async def _set_variable(self, leg: Leg, name: str, value: str) -> None:
        await self._ari.ask("POST", f"channels/{leg.channel}/variable", variable=name, value=value)

    async def _variable(self, leg: Leg, name: str) -> str:
        try:
            return str((await self._ari.ask("GET", f"channels/{leg.channel}/variable", variable=name))["value"])
        except (LegGone, Refused):
            return ""

    async def _find_bridge(self, bridge: Mapping[str, Any]) -> None:
        for call in [call for call in self._calls.values() if bridge["id"] in call.bridges]:
            if bridge["channels"]:
                call.bridge = bridge["id"]
            for leg in call.legs.values():
                if leg.channel in bridge["channels"]:
                    leg.joined = True
                    leg.listening = bool(await self._variable(leg, LISTENS))
                    call.wanted[leg.name] = leg.listening

    async def _find_recording(self, recording: str) -> None:
        """One of ours goes on, or ended while we were away."""
        named = read_recording(recording)
        if named is None:
            return
        if recording in self._recordings:
            call, leg = self._recordings[recording]
            gone = leg.channel not in self._channels
        else:
            call = self._call(named[0])
            gone = named[1] not in call.legs
            leg = call.legs.get(named[1]) or Leg(named[1], call.channel_of(named[1]))
        try:
            await self._ari.ask("GET", f"recordings/live/{recording}")
        except LegGone:
            await self._bring(call, leg, recording, "gone" if gone else "silence")
            return
        leg.recording = recording
        leg.all_recorded.clear()
        self._recordings[recording] = call, leg
