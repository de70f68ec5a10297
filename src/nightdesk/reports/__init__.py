"""Figures about people's load, and pay for it.

Nouns: figure, share, pay rate, pay line. Verbs: `actions.save_pay_rates`, `save_figures`, `drop_staff_records`. `load` and
`pay` are pure: hours in, figures and lines out; `queries` gives them what is on record. These are staff records: a person reads
their own, a manager those of their people, and what is switched off is not even reckoned. May import every room below calls.
"""
