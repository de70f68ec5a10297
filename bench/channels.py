"""From an alarm to each channel's provider, at rest: every alarm goes out by all channels at once, one after the other.

Measured from just before the alarm is posted to the moment at which the peer has the whole message: a mail, a text by SMPP,
the order for a call, a page by SNPP, and so on. What a provider does with it then is its own affair. There is no yardstick:
no other program has all of these. The goals are wider than that of a mail alone (`bench.alarm`), since seven are sent at
once, and wider still where a channel is a conversation (a pager two ways: some ten questions) or a library of its own (chat).
"""

import time

from bench.figure import at_most, median, percentile
from tests.system.everyway import CHANNELS, Everyway, everyway
from tests.system.stack import until

ALARMS, WARM_UP, EVERY_S = 100, 5, 0.4
"""EVERY_S: receipts and reports about one alarm are through before the next is posted."""
GOALS_S = dict.fromkeys(CHANNELS, (0.1, 0.25)) | dict.fromkeys(("pager", "chat"), (0.2, 0.5))
"""The most for half of the alarms, and for 99 of 100."""


def main() -> None:
    with everyway(on_disk=True) as tonight:
        for number in range(WARM_UP):
            one(tonight, f"warm-{number}")
        took = [one(tonight, f"rest-{number}") for number in range(ALARMS)]
    for channel in CHANNELS:
        seconds = [each[channel] for each in took]
        half, nearly_all = GOALS_S[channel]
        at_most(f"alarm_by_{channel}_p50", median(seconds), "s, p50", half).keep()
        at_most(f"alarm_by_{channel}_p99", percentile(seconds, 0.99), "s, p99", nearly_all).keep()


def one(tonight: Everyway, key: str) -> dict[str, float]:
    """Seconds by channel from posting one alarm until its message is with the provider."""
    start = time.time()
    status, body = tonight.stack.post("/v2/enqueue", tonight.alarm(key))
    assert status == 202, body
    until(lambda: not tonight.missing(key), 30, f"{key} is out by every channel")
    time.sleep(max(0.0, start + EVERY_S - time.time()))
    return {channel: came[0].at - start for channel, came in tonight.arrivals(key).items()}


if __name__ == "__main__":
    main()
