"""Every speed that the README claims: one module a figure, each with its yardstick in the same run.

`make bench` runs all, `make bench ONLY=timers` one. Each prints a line a figure and writes `bench/out/NAME.json`.
"""
