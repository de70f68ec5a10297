from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "nightdesk.channels"
    label = "channels"
