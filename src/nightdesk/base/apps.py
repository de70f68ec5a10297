from django.apps import AppConfig


class BaseConfig(AppConfig):
    name = "nightdesk.base"
    label = "base"
