"""Run by the Python of another environment: reads a mail with circuit-maintenance-parser, and writes what it makes of it.

Nothing of Nightdesk is imported here, nor installed there. Takes the provider's name as its argument and the mail on its
standard input; gives {"parser": version, "maintenances": [...]} or {"error": ...} on its standard output. Its own memory and
time are limited before it reads anything.
"""

import json
import resource
import sys

MEMORY = 1_500_000_000
"""Octets of address space: numpy maps half of it, a mail needs a few million."""
CPU_S = 30
LONGEST = 20_000_000


def main(provider_name: str) -> dict[str, object]:
    """What the parser makes of the mail; raises whatever it raises."""
    from importlib.metadata import version

    from circuit_maintenance_parser import NotificationData, init_provider  # type: ignore[import-not-found]

    provider = init_provider(provider_name)
    if provider is None:
        return {"error": f"It knows no provider {provider_name}."}
    mail = NotificationData.init_from_email_bytes(sys.stdin.buffer.read(LONGEST))
    if mail is None:
        return {"error": "It could not read the mail."}
    found = provider.get_maintenances(mail)
    return {
        "parser": version("circuit-maintenance-parser"),
        "maintenances": [json.loads(one.to_json()) for one in found],
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = main(sys.argv[1])
    except Exception as error:  # whatever it is, the other side hears of it in words
        answer = {"error": f"{type(error).__name__}: {error}"[:400]}
    sys.stdout.write(json.dumps(answer))
