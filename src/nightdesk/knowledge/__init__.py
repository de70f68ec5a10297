"""What the desk and the engineers know: how a thing is done, what is said, where spares lie, what is new.

Nouns: procedure with its versions (a runbook in Markdown, per service and kind of call), run (a procedure opened for a page
or a ticket, with its check-steps), proposal (of a change of a procedure), saying (an approved "what to say"), template (a
text with placeholders, per brand and language), spare, briefing (what a team has to have read).

Verbs: `actions` has those of procedures, `run_actions` those of runs, `wording_actions` those of sayings and templates,
`spare_actions` and `briefing_actions` the rest. `queries.procedures_for` and `queries.sayings_for` answer what fits a service and
a kind of call, `queries.runs_about` what was done about a subject, `queries.template_for` which text a customer is sent.

Pure, without Django, clock or input and output: `markdown`, `phrases`, `fitting`.

May import customers, people, access, journal and base. What subjects there are, and how people are told, is hung into
`registries` by wiring.
"""
