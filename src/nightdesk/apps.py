"""The program as a Django app: its own commands, and the registries filled once everything is loaded."""

from django.apps import AppConfig


class NightdeskConfig(AppConfig):
    name = "nightdesk"
    label = "nightdesk"

    def ready(self) -> None:
        """Fill the registries of the low rooms with what the high rooms have."""
        from nightdesk import follow_ups, wiring

        wiring.connect()
        follow_ups.connect()
