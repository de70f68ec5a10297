from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "nightdesk.reports"
    label = "reports"
