"""A connection beside Django's, for whoever listens: Django's own is busy with queries."""

from typing import Any

from django.db import connection


def address() -> dict[str, Any]:
    """What `psycopg.connect` needs to reach the database that Django uses."""
    settings = connection.get_connection_params()
    for only_of_django in ("cursor_factory", "context"):
        settings.pop(only_of_django, None)
    return settings
