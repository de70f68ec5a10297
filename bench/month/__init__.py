"""A simulated month of a phone line: what is put in, the world that is played, and how its figures are told.

`inputs` are fixed and stand in docs/simulated-month.md; `world` plays callers, telephones and people against `calls.flow`
itself; `telling` makes the tables and plots. `python -m bench simulated_month` runs it.
"""
