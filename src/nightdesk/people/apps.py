from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "nightdesk.people"
    label = "people"
