"""The API under `/api/v1`: a door to the rooms' verbs and queries, one file a room.

`v1` puts the rooms together, `door` stands before all of them (who calls, how often, once only), `problems` says no as
RFC 9457 has it, `listing` cuts lists into pages. No file here decides anything about the domain or writes a row. Like
`wiring` it may import every room but `console` and `portal`.
"""
