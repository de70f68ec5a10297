from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "nightdesk.portal"
    label = "portal"
