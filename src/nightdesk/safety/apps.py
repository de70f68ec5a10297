from django.apps import AppConfig


class SafetyConfig(AppConfig):
    name = "nightdesk.safety"
    label = "safety"
