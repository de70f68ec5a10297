"""The phone line: who rings, what they hear, whom it rings, what they leave, and that somebody calls them back.

Nouns: line, call, leg, message, call-back, recording, telephone, PIN, divert check, bureau client, relay.
`flow` decides (pure), `running` keeps each call's state and hands the orders to a line driver, `actions` are the verbs.
May import: desk, outages, paging, duty, rota, channels, lines, mailroom, knowledge, customers, people, access, journal,
base; never safety, reports, console or portal.
"""
