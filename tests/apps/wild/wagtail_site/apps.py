"""Tells Django the name of this application."""

from django.apps import AppConfig


class WagtailSite(AppConfig):
    name = label = "wagtail_site"
    default_auto_field = "django.db.models.BigAutoField"
