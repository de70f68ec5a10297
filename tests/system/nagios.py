"""Debian's Nagios as a real sender: unprivileged, from a folder of its own, with seconds for minutes and one service.

The service's check reads a file, so that `turn` makes it fail and recover; its only contact is told by `nightdesk-notify`.
"""

import contextlib
import getpass
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.system.stack import ROOT, until
from tools.system_parts import find_part

COMMAND = ROOT / "src" / "nightdesk" / "notify.py"

MAIN = """
log_file={folder}/nagios.log
cfg_file={folder}/objects.cfg
object_cache_file={folder}/objects.cache
precached_object_file={folder}/objects.precache
status_file={folder}/status.dat
status_update_interval=10
temp_file={folder}/nagios.tmp
temp_path={folder}
check_result_path={folder}/results
lock_file={folder}/nagios.lock
query_socket={folder}/nagios.qh
command_file={folder}/nagios.cmd
state_retention_file={folder}/retention.dat
retain_state_information=0
check_external_commands=0
nagios_user={user}
nagios_group={group}
interval_length=1
enable_notifications=1
execute_service_checks=1
check_for_updates=0
use_syslog=0
log_notifications=1
service_inter_check_delay_method=n
max_service_check_spread=1
date_format=iso8601
illegal_macro_output_chars=`~$&|'"<>
"""
OBJECTS = """
define timeperiod {{
  timeperiod_name  always
  alias            always
  sunday     00:00-24:00
  monday     00:00-24:00
  tuesday    00:00-24:00
  wednesday  00:00-24:00
  thursday   00:00-24:00
  friday     00:00-24:00
  saturday   00:00-24:00
}}
define command {{
  command_name  read-state
  command_line  /bin/sh {folder}/check.sh
}}
define command {{
  command_name  notify-service-by-nightdesk
  command_line  {command_line}
}}
define contact {{
  contact_name                   nightdesk
  host_notifications_enabled     0
  service_notifications_enabled  1
  host_notification_period       always
  service_notification_period    always
  host_notification_options      n
  service_notification_options   w,u,c,r,f,s
  host_notification_commands     notify-service-by-nightdesk
  service_notification_commands  notify-service-by-nightdesk
}}
define host {{
  host_name              dock-street
  alias                  Dock Street
  address                127.0.0.1
  max_check_attempts     1
  check_period           always
  contacts               nightdesk
  notification_period    always
  notifications_enabled  0
}}
define service {{
  host_name               dock-street
  service_description     {service}
  check_command           read-state
  max_check_attempts      2
  check_interval          1
  retry_interval          1
  check_period            always
  notification_interval   0
  notification_period     always
  flap_detection_enabled  0
  contacts                nightdesk
}}
"""
MACROS = ("HOSTNAME", "SERVICEDESC", "SERVICESTATE", "SERVICESTATETYPE", "SERVICEOUTPUT")
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


class Nagios:
    """A running Nagios; `spool` is where `nightdesk-notify` keeps what it could not send."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = folder / "spool"

    def turn(self, state: int, output: str) -> None:
        """From its next check on the service is so: 0 OK, 2 critical."""
        words = self.folder / "state.new"
        words.write_text(f"echo '{WORDS[state]} - {output}'; exit {state}\n")
        words.rename(self.folder / "check.sh")

    def notified(self, kind: str) -> int:
        """How often it has called its contact about a state of this kind, such as CRITICAL or OK."""
        log = (self.folder / "nagios.log").read_text(errors="replace")
        return sum("SERVICE NOTIFICATION: nightdesk" in line and f";{kind};" in line for line in log.splitlines())

    def waiting(self) -> list[Path]:
        """What lies in the spool."""
        return sorted(self.spool.glob("*.json"))

    def flush(self) -> None:
        """As cron does."""
        command = [sys.executable, "-I", str(COMMAND), "--config", str(self.folder / "notify.conf"), "--flush"]
        subprocess.run(command, check=True, timeout=60, capture_output=True)


@contextlib.contextmanager
def nagios(url: str, key: str, service: str) -> Iterator[Nagios]:
    """A running Nagios that watches `service` on the host dock-street and tells Nightdesk at `url`."""
    program = find_part("nagios")
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="nagios-") as name:
        folder = Path(name)
        (folder / "results").mkdir()
        (folder / "key").write_text(key)
        (folder / "notify.conf").write_text(f"URL = {url}\nKEY_FILE = {folder}/key\nSPOOL = {folder}/spool\n")
        user = getpass.getuser()
        (folder / "nagios.cfg").write_text(MAIN.format(folder=folder, user=user, group=user))
        (folder / "objects.cfg").write_text(
            OBJECTS.format(folder=folder, command_line=_command_line(folder), service=service)
        )
        running = Nagios(folder)
        running.turn(0, "it answers")
        with (folder / "out").open("wb") as out:
            process = subprocess.Popen([str(program), str(folder / "nagios.cfg")], stdout=out, stderr=out)
        try:
            until(lambda: _is_up(process, folder), 30, "Nagios has begun")
            yield running
        finally:
            process.terminate()
            process.wait(20)


def _command_line(folder: Path) -> str:
    """As docs/operating.md gives it, but for where things lie."""
    macros = " ".join(f'-f {name}="${name}$"' for name in MACROS)
    command = f"{sys.executable} -I {COMMAND} --config {folder}/notify.conf"
    return f'{command} -n service -t "$NOTIFICATIONTYPE$" {macros}'


def _is_up(process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "out").read_text(errors="replace")
    log = folder / "nagios.log"
    return log.exists() and "Successfully launched command file worker" in log.read_text(errors="replace")
