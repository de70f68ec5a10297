from django.apps import AppConfig


class KnowledgeConfig(AppConfig):
    name = "nightdesk.knowledge"
    label = "knowledge"
