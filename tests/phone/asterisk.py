"""An Asterisk of the test's own: Debian's, unpacked below `.asterisk/` (`make asterisk`), with everything in one folder."""

import json
import os
import random
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.system.stack import ROOT, free_port, until

UNPACKED = Path(os.environ.get("NIGHTDESK_TEST_ASTERISK") or ROOT / ".asterisk")
USER, SECRET = "nightdesk", "for the test's Asterisk only"
# Not bridge_native_rtp: docs/phone.md says why.
_MODULES = """
codec_ulaw codec_alaw codec_gsm format_wav format_pcm format_gsm res_rtp_asterisk res_timing_timerfd
pbx_config func_callerid func_channel func_env func_logic func_strings func_timeout func_global
app_dial app_exec app_playback app_record app_echo app_verbose app_stack
bridge_builtin_features bridge_builtin_interval_features bridge_holding bridge_simple bridge_softmix
chan_bridge_media res_mutestream
res_sorcery_astdb res_sorcery_config res_sorcery_memory res_sorcery_memory_cache res_pjproject res_pjsip res_pjsip_acl
res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_dlg_options res_pjsip_dtmf_info
res_pjsip_endpoint_identifier_anonymous res_pjsip_endpoint_identifier_ip res_pjsip_endpoint_identifier_user res_pjsip_nat
res_pjsip_outbound_authenticator_digest res_pjsip_outbound_registration res_pjsip_pubsub res_pjsip_registrar
res_pjsip_rfc3326 res_pjsip_sdp_rtp res_pjsip_session chan_pjsip
res_http_websocket res_websocket_client res_stasis res_stasis_answer res_stasis_device_state res_stasis_playback
res_stasis_recording res_stasis_snoop res_ari_model res_ari res_ari_applications res_ari_asterisk res_ari_bridges
res_ari_channels res_ari_device_states res_ari_endpoints res_ari_events res_ari_playbacks res_ari_recordings
res_ari_sounds app_stasis res_statsd
"""
"""What the phone line needs of the 300: it starts in a third of a second."""


def free_udp_port(beside: int = 1) -> int:
    """A port on loopback that is free, and those beside it, by UDP and TCP."""
    while True:
        port = random.randrange(15_000, 28_000, 20)
        try:
            for number in range(beside):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):  # SIP is offered by both
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", port + number))
        except OSError:
            continue
        return port


def ahead(command: list[str]) -> list[str]:
    """The command, so that it runs before other work where we may ask for that: a telephone and an exchange have a processor
    of their own, and one that waits for its turn loses sound.
    """
    return ["nice", "-n", "-10", *command] if os.geteuid() == 0 else command


class Asterisk:
    """Ended by `stop`. `url` is where ARI answers, `sip` its UDP port; `spool` where it keeps recordings."""

    def __init__(self, folder: Path, dialplan: str, telephones: dict[str, str], *, rtp_ports: int = 800) -> None:
        """`telephones`: the caller's number that each one shows when it rings us, by its name; its password is `pw-NAME`."""
        self.folder, self.telephones = folder, telephones
        self.sip, self.http = free_udp_port(), free_port()
        self.rtp = random.randrange(32_000, 58_000 - rtp_ports, 2), rtp_ports
        self.url = f"http://127.0.0.1:{self.http}"
        self.spool = folder / "spool" / "recording"
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("etc", "var", "run", "log", "spool/recording", "data/sounds"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        shared = UNPACKED / "usr/share/asterisk"
        for link, to in (
            ("data/documentation", shared / "documentation"),
            ("data/rest-api", shared / "rest-api"),
            ("data/sounds/en", shared / "sounds/en_US_f_Allison"),
        ):
            (folder / link).symlink_to(to)
        self._write(dialplan)

    def _write(self, dialplan: str) -> None:
        places = {
            "astetcdir": "etc", "astvarlibdir": "var", "astdbdir": "var", "astkeydir": "var", "astdatadir": "data",
            "astagidir": "data/agi-bin", "astspooldir": "spool", "astrundir": "run", "astlogdir": "log",
        }  # fmt: skip
        directories = "".join(f"{name} => {self.folder / place}\n" for name, place in places.items())
        program = f"{UNPACKED}/usr"
        files = {
            "asterisk": f"[directories]\n{directories}astmoddir => {program}/lib/x86_64-linux-gnu/asterisk/modules\n"
            f"astsbindir => {program}/sbin\n[options]\nverbose = 0\nhideconnect = yes\nsystemname = nightdesk\n"
            "maxcalls = 2000\nnocolor = yes\nentityid = 02:00:00:00:00:01\n",
            "logger": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
            "http": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={self.http}\nsessionlimit=500\n",
            "ari": f"[general]\nenabled = yes\nwebsocket_write_timeout = 1000\n[{USER}]\ntype = user\nread_only = no\n"
            f"password = {SECRET}\npassword_format = plain\n",
            "rtp": f"[general]\nrtpstart={self.rtp[0]}\nrtpend={self.rtp[0] + self.rtp[1]}\n",
            "pjsip": self._pjsip(),
            "extensions": f"[general]\nstatic=yes\nwriteprotect=yes\n{dialplan}",
            "websocket_client": "",
            "indications": "[general]\ncountry=uk\n[uk]\ndescription = United Kingdom\nringcadence = 400,200,400,2000\n"
            "ring = 400+450/400,0/200,400+450/400,0/2000\n",
        }
        empty = dict.fromkeys(("statsd", "cdr", "cel", "features", "acl", "udptl", "pjproject", "stasis"), "")
        for name, content in (empty | files).items():
            (self.folder / "etc" / f"{name}.conf").write_text(content)

    def _pjsip(self) -> str:
        audio = (
            "type=endpoint\ntransport=udp\ncontext=nightdesk\ndisallow=all\nallow=alaw,ulaw\ndirect_media=no\n"
            "rtp_symmetric=yes\ndtmf_mode=auto\ntimers=no\n100rel=no\ntrust_id_inbound=yes\n"
        )
        made = (
            "[global]\ntype=global\nendpoint_identifier_order=username,header,anonymous\n"
            "[system]\ntype=system\nthreadpool_initial_size=4\nthreadpool_max_size=20\n"
            f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{self.sip}\n"
            f"[anonymous]\n{audio}"  # the carrier: whoever is no telephone of ours
        )
        for name, number in self.telephones.items():
            made += (
                f"[{name}]\n{audio}callerid=<{number}>\nauth={name}\naors={name}\n"
                f"[{name}]\ntype=auth\nauth_type=userpass\nusername={name}\npassword=pw-{name}\n"
                f"[{name}]\ntype=aor\nmax_contacts=1\nremove_existing=yes\n"
            )
        return made

    def command(self, *words: str) -> list[str]:
        """The program with its own loader, as nobody where we are root."""
        usr = UNPACKED / "usr"
        plain = [
            str(usr / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(usr / "lib/x86_64-linux-gnu"),
            str(usr / "sbin/asterisk"), "-C", str(self.folder / "etc/asterisk.conf"), *words,
        ]  # fmt: skip
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        return [*as_nobody, *plain] if os.geteuid() == 0 else plain

    def start(self, *, without: str = "") -> None:
        """Start it, and come back when ARI answers; without one module it is only half up, until that is loaded."""
        modules = "".join(f"load => {name}.so\n" for name in _MODULES.split() if name != without)
        (self.folder / "etc/modules.conf").write_text(f"[modules]\nautoload=no\n{modules}")
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "nobody", self.folder], check=True)
        with (self.folder / "asterisk.out").open("ab") as out:
            self.process = subprocess.Popen(
                ahead(self.command("-f")), stdout=out, stderr=out, env=os.environ | {"MALLOC_ARENA_MAX": "2"}
            )
        until(self.answers, 30, f"Asterisk answers (see {self.folder})")
        self.cli("core waitfullybooted")

    def answers(self) -> bool:
        """Whether ARI does."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "asterisk.out").read_text()[-2000:]
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(_password(self.url)))
        try:
            with opener.open(f"{self.url}/ari/asterisk/ping", timeout=2) as answer:
                return b"pong" in answer.read()
        except OSError:
            return False

    def recording_state(self, name: str) -> str:
        """How a recording that runs stands: queued, recording, paused."""
        return str(self._asked(f"recordings/live/{name}")["state"])

    def _asked(self, what: str) -> Any:
        """What its REST interface says of it."""
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(_password(self.url)))
        with opener.open(f"{self.url}/ari/{what}", timeout=5) as answer:
            return json.load(answer)

    def cli(self, words: str) -> str:
        """What its console answers."""
        return subprocess.run(
            self.command("-rx", words), capture_output=True, text=True, timeout=20, check=False
        ).stdout

    def read_dialplan(self, dialplan: str) -> None:
        """Take another dialplan."""
        self._write(dialplan)
        self.cli("dialplan reload")

    def online(self, telephone: str) -> bool:
        """Whether the telephone is registered."""
        return "Avail" in (shown := self.cli(f"pjsip show aor {telephone}")) or "NonQual" in shown

    def channels(self) -> list[str]:
        """The names of its channels."""
        return [row.split("!")[0] for row in self.cli("core show channels concise").splitlines() if "!" in row]

    def joined(self) -> int:
        """How many are in the fullest of its bridges."""
        return max((len(bridge["channels"]) for bridge in self._asked("bridges")), default=0)

    def stop(self) -> None:
        """SIGKILL: its calls end with it. `start` starts it again, on the same ports, with the recordings that it kept."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _password(url: str) -> urllib.request.HTTPPasswordMgrWithDefaultRealm:
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, url, USER, SECRET)
    return known


def new_folder(prefix: str = "nightdesk-phone-") -> Path:
    """A folder that Asterisk can read and write, whoever it runs as."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    return folder


def telephones_of(names: Sequence[str]) -> dict[str, str]:
    """Engineers' telephones: inner numbers that nobody rings."""
    return {name: f"{200 + number}" for number, name in enumerate(names)}
