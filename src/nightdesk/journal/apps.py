from django.apps import AppConfig


class JournalConfig(AppConfig):
    name = "nightdesk.journal"
    label = "journal"
