from django.apps import AppConfig


class MailroomConfig(AppConfig):
    name = "nightdesk.mailroom"
    label = "mailroom"
