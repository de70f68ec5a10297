"""Figures about people's load, pay for it, how phone lines do, and what approaches to out of hours cost and answer.

Nouns: figure, share, pay rate, pay line, approach, comparison. Verbs: `actions.save_pay_rates`, `save_figures`,
`drop_staff_records`; `choosing_actions.save_comparison` and the others of comparisons. `load`, `pay`
and `phone` are pure: hours or calls in, figures and lines out; `queries` and `phone_queries` give them what is on record.
Load and pay are staff records: a person reads their own, a manager those of their people, and what is switched off is not even
reckoned. May import calls and every room below it.
"""
