from django.apps import AppConfig


class DutyConfig(AppConfig):
    name = "nightdesk.duty"
    label = "duty"
