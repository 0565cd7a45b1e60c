"""Wagtail: a tree of pages, their editor with Django's admin login, search in SQLite, an image of each size."""
