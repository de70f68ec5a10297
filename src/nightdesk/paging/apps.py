from django.apps import AppConfig


class PagingConfig(AppConfig):
    name = "nightdesk.paging"
    label = "paging"
