from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "nightdesk.customers"
    label = "customers"
