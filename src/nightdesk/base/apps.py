from django.apps import AppConfig


class BaseConfig(AppConfig):
    name = "nightdesk.base"
    label = "base"

    def ready(self) -> None:
        from nightdesk.base import lookups  # noqa: F401  # columns know of them once it is loaded
