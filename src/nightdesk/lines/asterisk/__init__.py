"""The line driver for an Asterisk beside us: a thin client of its REST interface (ARI), and the dialplan that hands calls over.

`client` speaks ARI over one WebSocket, `exchange` turns orders into requests and reports into events, `dialplan` writes what
Asterisk has to be told, `recorded` reads what it has recorded.
"""
