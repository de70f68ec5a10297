"""A baresip as a telephone: it registers, rings, answers, refuses, dials, presses keys, says a WAV and keeps what it heard."""

import io
import json
import os
import queue
import random
import socket
import subprocess
import threading
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.phone.asterisk import ahead, free_udp_port
from tests.system.stack import free_port, until

RATE = 8000
KEY_S = 0.3
CONFIG = """
poll_method epoll
sip_listen 127.0.0.1:{sip}
call_local_timeout 120
call_max_calls 4
audio_player aufile,{folder}/heard.wav
audio_source aufile,{says}
audio_alert aufile,{folder}/alert.wav
audio_level no
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
audio_srate 8000
audio_channels 1
audio_buffer 20-160
audio_telev_pt 101
rtp_ports {rtp}-{rtp_end}
rtcp_mux no
jitter_buffer_type off
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
"""


def speech_like(seconds: float, seed: int) -> NDArray[np.int16]:
    """Noise in the voice's band whose loudness wanders like a sentence: never silent for long, and like nothing else."""
    random_numbers = np.random.default_rng(seed)
    noise = random_numbers.normal(0, 1, round(seconds * RATE))
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(len(noise), 1 / RATE)
    spectrum[(frequency < 300) | (frequency > 3000)] = 0
    band = np.fft.irfft(spectrum, len(noise))
    steps = random_numbers.uniform(0.4, 1.0, round(seconds * 5) + 2)
    loudness = np.interp(np.arange(len(noise)), np.arange(len(steps)) * RATE / 5, steps)
    shaped = band * loudness
    return np.asarray(shaped / np.abs(shaped).max() * 12000, dtype=np.int16)


def write_wav(file: Path, samples: NDArray[np.int16]) -> Path:
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    return file


def read_wav(content: bytes) -> NDArray[np.int16]:
    with wave.open(io.BytesIO(content)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


def likeness(part: NDArray[Any], whole: NDArray[Any]) -> float:
    """How much of `part` is in `whole`: the greatest normalised cross-correlation at any shift, 0 to 1."""
    if len(whole) < len(part):
        whole = np.pad(whole, (0, len(part) - len(whole)))
    a, b = part.astype(float), whole.astype(float)
    size = 1 << (len(a) + len(b) - 1).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)[: len(b) - len(a) + 1]
    energy = np.concatenate([[0.0], np.cumsum(b * b)])
    windows = np.sqrt(np.maximum(energy[len(a) :] - energy[: len(b) - len(a) + 1], 1.0))
    return float(np.max(crossed / (windows * max(np.sqrt(np.sum(a * a)), 1.0))))


def recognised(part: NDArray[Any], whole: NDArray[Any]) -> float:
    """How many of the half seconds of `part` are in `whole`, 0 to 1. A telephone here loses a packet now and then, or a moment
    of a busy machine: what comes after it is shifted, and still the same.
    """
    pieces = [part[begin : begin + RATE // 2] for begin in range(0, len(part) - RATE // 2 + 1, RATE // 2)]
    return sum(likeness(piece, whole) >= 0.95 for piece in pieces) / max(1, len(pieces))


class Telephone:
    """Ended by `stop`. `answers`: "auto" picks up by itself, "manual" rings until it is told. `says` is said on each call, after
    `lead_s`, or when it is told to (`says_when_told`).
    """

    def __init__(
        self, folder: Path, server: int, user: str, *, register: bool = True, answers: str = "manual",
        says: NDArray[np.int16] | None = None, lead_s: float = 0.0, says_when_told: bool = False,
    ) -> None:  # fmt: skip
        self.folder, self.user, self.server, self._registers = folder, user, server, register
        folder.mkdir(parents=True, exist_ok=True)
        silent = np.zeros(RATE * 90, dtype=np.int16)  # the end of what it says would end the call
        lead = np.zeros(round(lead_s * RATE), dtype=np.int16)
        self.said = says if says is not None else np.zeros(0, dtype=np.int16)
        self._says_s = lead_s + len(self.said) / RATE + 0.3
        self._up_at: list[float] = []
        self._says_file = write_wav(folder / "says.wav", np.concatenate([lead, self.said, silent]))
        self._when_told = says_when_told
        self._began_at = 0.0
        says_file = write_wav(folder / "silence.wav", silent) if says_when_told else self._says_file
        rtp = random.randrange(58_000, 64_000, 20)
        self._control_port = free_port()
        (folder / "config").write_text(
            CONFIG.format(
                sip=free_udp_port(2),
                folder=folder,
                says=says_file,
                rtp=rtp,
                rtp_end=rtp + 19,
                control=self._control_port,
            )
        )
        regint = 300 if register else 0
        (folder / "accounts").write_text(
            f"<sip:{user}@127.0.0.1:{server}>;auth_pass=pw-{user};answermode={answers};regint={regint};"
            "audio_codecs=PCMA/8000/1,PCMU/8000/1\n"
        )
        (folder / "contacts").write_text("")
        self.events: list[dict[str, Any]] = []
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> "Telephone":
        """It runs, and is registered if it does that."""
        with (self.folder / "baresip.out").open("ab") as out:
            self._process = subprocess.Popen(
                ahead(["baresip", "-4", "-f", str(self.folder), "-t", "300"]),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=os.environ | {"HOME": str(self.folder)}, cwd=self.folder,
            )  # fmt: skip
        self._socket = until(self._connected, 20, f"baresip {self.user} (see {self.folder})")
        threading.Thread(target=self._listen, daemon=True).start()
        if self._registers:
            until(lambda: "200 OK" in self._out(), 20, f"{self.user} registers (see {self.folder})")
        return self

    def _out(self) -> str:
        return (self.folder / "baresip.out").read_text(errors="replace")

    def _connected(self) -> socket.socket | None:
        assert self._process is not None
        assert self._process.poll() is None, self._out()[-1000:]
        try:
            return socket.create_connection(("127.0.0.1", self._control_port), timeout=2)
        except OSError:
            return None

    def _listen(self) -> None:
        assert self._socket is not None
        self._socket.settimeout(None)
        held = b""
        try:
            while got := self._socket.recv(65536):
                held += got
                while b":" in held:
                    size, _, rest = held.partition(b":")
                    if len(rest) <= int(size):
                        break
                    told = json.loads(rest[: int(size)])
                    held = rest[int(size) + 1 :]
                    if told.get("event"):
                        if told.get("type") == "CALL_ESTABLISHED":
                            self._up_at.append(time.monotonic())
                        self.events.append(told)
                    else:
                        self._answers.put(told)
        except (OSError, ValueError):
            pass

    def do(self, command: str, params: str = "") -> None:
        """A command of baresip's menu."""
        assert self._socket is not None
        sent = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        self._socket.sendall(b"%d:%s," % (len(sent), sent))
        self._answers.get(timeout=60)

    def dial(self, number: str) -> None:
        self.do("dial", f"sip:{number}@127.0.0.1:{self.server}")

    def accept(self) -> None:
        self.do("accept")

    def hang_up(self) -> None:
        self.do("hangup")

    def press(self, keys: str) -> None:
        """One after the other, as fast as fingers are."""
        for number, key in enumerate(keys):
            if number:
                time.sleep(KEY_S)
            self.do("sndcode", key)

    def saw(self, kind: str) -> list[dict[str, Any]]:
        """Its events of the kind: CALL_INCOMING, CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED, REGISTER_OK."""
        return [event for event in list(self.events) if event.get("type") == kind]

    def wait(self, kind: str, count: int = 1, seconds: float = 60.0) -> dict[str, Any]:
        """The event, once there have been so many of its kind."""
        until(lambda: len(self.saw(kind)) >= count, seconds, f"{self.user}: {kind}; so far {self.events}")
        return self.saw(kind)[count - 1]

    def say(self, what: NDArray[np.int16] | None = None) -> None:
        """Say it now, to everybody in the call: that, or `says`."""
        file = self._says_file
        if what is not None:
            silent = np.zeros(RATE * 90, dtype=np.int16)
            file = write_wav(
                self.folder / f"says-{len(list(self.folder.iterdir()))}.wav", np.concatenate([what, silent])
            )
            self._says_s = len(what) / RATE + 0.3
        self.do("ausrc", f"aufile,{file}")
        self._began_at = time.monotonic()

    def wait_said(self) -> None:
        """Until it has said all of `says` on its newest call: that runs from the moment at which the call is up."""
        if not self._when_told:
            self.wait("CALL_ESTABLISHED")
            self._began_at = self._up_at[-1]
        end = self._began_at + self._says_s
        until(lambda: time.monotonic() > end, self._says_s + 5, f"{self.user} has said all")

    def middle_of_heard(self, seconds: float = 3.0) -> NDArray[np.int16]:
        """The middle of what it heard in the last call."""
        heard = self.heard()
        begin = max(0, len(heard) // 2 - round(seconds * RATE / 2))
        return heard[begin : begin + round(seconds * RATE)]

    def heard(self) -> NDArray[np.int16]:
        """All that it has heard, in calls that are over: it writes the files to their end then."""
        until(self._is_free, 10, f"{self.user} has no call any more")  # a file that was just begun looks whole
        files = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda file: file.stat().st_mtime)
        until(lambda: all(map(_is_whole, files)), 10, f"{self.user} has written down what it heard")
        return np.concatenate([np.zeros(0, dtype=np.int16), *(read_wav(file.read_bytes()) for file in files)])

    def _is_free(self) -> bool:
        return len(self.saw("CALL_ESTABLISHED")) <= len(self.saw("CALL_CLOSED"))

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _is_whole(file: Path) -> bool:
    """Whether the length that stands in its head is its length: that is written last."""
    content = file.read_bytes()
    return len(content) >= 44 and int.from_bytes(content[4:8], "little") == len(content) - 8
