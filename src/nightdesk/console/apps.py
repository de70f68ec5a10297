from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "nightdesk.console"
    label = "console"
