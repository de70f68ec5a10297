from django.apps import AppConfig


class RotaConfig(AppConfig):
    name = "nightdesk.rota"
    label = "rota"
