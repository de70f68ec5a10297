"""A simulated month of the phone line: four policies and one more, three loads, with what the result hangs on.

`python -m bench simulated_month` prints the tables of docs/simulated-month.md and keeps the figures of the recommended
policy; `python -m bench.simulated_month --write` also puts tables and plots into the document, `--small` only those of the
small variant that a test holds against it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import time
from pathlib import Path

from bench.figure import at_least, at_most
from bench.month import telling
from bench.month.inputs import ENGINEERS, POLICIES, RECOMMENDED, RECORDER, Inputs, Outage, Policy
from bench.month.world import Month, play

DOCUMENT = Path(__file__).parent.parent / "docs" / "simulated-month.md"
PICTURES = DOCUMENT.parent / "pictures"
SEEDS = {2: 6, 6: 4, 20: 3}
"""Months played of each load: the more calls there are, the fewer are needed."""
SENSITIVE_SEEDS = 3
SMALL = replace(Inputs(), days=7, outage=Outage(day=1))


def small() -> telling.Rows:
    """A week of every policy at 6 calls an hour, one seed: a few seconds."""
    return {(policy.name, SMALL.peak): [play(SMALL, policy, 1)] for policy in POLICIES}


def variants() -> Iterator[tuple[str, Inputs, Policy]]:
    """One input changed at a time, under the recommended policy at 6 calls an hour."""
    usual = Inputs()
    yield "nothing", usual, RECOMMENDED
    yield "telephones join after 2 and 4 s, not 4 and 8", usual, replace(RECOMMENDED, joins_s=(2, 4))
    yield "the bureau is rung after 6 s, not 4", usual, replace(RECOMMENDED, longest_hunt_s=6)
    yield "the bureau is rung after 120 s", usual, replace(RECOMMENDED, longest_hunt_s=120)
    yield "no bureau: the recorder", usual, RECORDER
    yield "the bureau picks up after 7 s, not 4", replace(usual, bureau_picks_up=(7, 4)), RECOMMENDED
    yield "1 call in 10 finds the bureau full, not 1 in 50", replace(usual, bureau_full=0.1), RECOMMENDED
    yield "an engineer less", replace(usual, engineers=usual.engineers - 1), RECOMMENDED
    yield "an engineer more", replace(usual, engineers=usual.engineers + 1), RECOMMENDED
    yield "away from the desk 25 %, not 10 %", replace(usual, away_from_desk=0.25), RECOMMENDED
    yield "engineers pick up after 7 s, not 4", replace(usual, picks_up=(7, 4)), RECOMMENDED
    yield "handling 480 to 600 s", replace(usual, handling_s=(480, 600)), RECOMMENDED
    yield "patience 60 s", replace(usual, patience=(60, 3)), RECOMMENDED
    yield "patience of no memory (exponential), 120 s", replace(usual, patience=(120, 1)), RECOMMENDED
    yield "sleeps through 40 %, not 20 %", replace(usual, sleeps_through=0.4), RECOMMENDED
    yield "out of coverage 20 % of nights, not 5 %", replace(usual, out_of_coverage=0.2), RECOMMENDED
    yield "nobody is covered out of hours", replace(usual, covered=0.0), RECOMMENDED
    yield "everybody is covered, and a third buys a live answer", replace(usual, covered=1.0, live=1 / 3), RECOMMENDED
    yield "no outage", replace(usual, outage=None), RECOMMENDED
    yield "the outage at 02:10", replace(usual, outage=Outage(starts=time(2, 10))), RECOMMENDED
    yield "the outage at 10:10", replace(usual, outage=Outage(starts=time(10, 10))), RECOMMENDED
    yield "the outage is known after 30 minutes, not 8", replace(usual, outage=Outage(known_after_min=30)), RECOMMENDED


def main(arguments: Sequence[str]) -> None:
    if "--small" in arguments:
        _write({"small": telling.table(small())})
        return
    with ProcessPoolExecutor(2) as pool:
        loads = [(policy, peak, seed) for policy in POLICIES for peak in SEEDS for seed in range(1, SEEDS[peak] + 1)]
        changed = [
            (what, inputs, policy, seed)
            for what, inputs, policy in variants()
            for seed in range(1, SENSITIVE_SEEDS + 1)
        ]
        played = pool.map(
            play, *zip(*((_at(peak), policy, seed) for policy, peak, seed in loads), strict=True), chunksize=2
        )
        rows: dict[tuple[str, float], list[Month]] = {}
        for (policy, peak, _seed), month in zip(loads, played, strict=True):
            rows.setdefault((policy.name, peak), []).append(month)
        played = pool.map(play, *zip(*((inputs, policy, seed) for _what, inputs, policy, seed in changed), strict=True))
        different: dict[str, list[Month]] = {}
        for (what, _inputs, _policy, _seed), month in zip(changed, played, strict=True):
            different.setdefault(what, []).append(month)
    tables = {"policies": telling.table(rows), "sensitivity": telling.sensitivity(different)}
    print("\n\n".join(tables.values()), flush=True)
    _slow(rows[RECOMMENDED.name, 6])
    for peak in SEEDS:
        months = rows[RECOMMENDED.name, peak]
        share, _half = telling.spread([100 * (month.figures.in_time_share or 0) for month in months])
        at_least(f"simulated_month_in_time_{peak}_an_hour", share, "% in 12 s", 98).keep()
        most = max(month.figures.most_woken for month in months)
        at_most(f"simulated_month_woken_by_a_call_{peak}_an_hour", most, "people woken by one call", 1).keep()
    if "--write" in arguments:
        _write({**tables, "small": telling.table(small())})
        (PICTURES / "month-in-time.svg").write_text(telling.plot_in_time(rows))
        (PICTURES / "month-woken.svg").write_text(telling.plot_woken(rows))


def _at(peak: int) -> Inputs:
    return replace(Inputs(), peak=peak, engineers=ENGINEERS[peak])


def _slow(months: Sequence[Month]) -> None:
    """Where those were who had nobody in time."""
    slow: dict[str, int] = {}
    for month in months:
        for where, count in month.slow.items():
            slow[where] = slow.get(where, 0) + count
    print(f"Nobody in time under {RECOMMENDED.name}, {len(months)} months at 6 calls/h:")
    for where, count in sorted(slow.items(), key=lambda each: -each[1]):
        print(f"  {count:4} {where}")


def _write(tables: Mapping[str, str]) -> None:
    text = DOCUMENT.read_text()
    for name, made in tables.items():
        text = telling.put(text, name, made)
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
