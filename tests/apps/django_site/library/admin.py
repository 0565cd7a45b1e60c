"""Puts the books into the admin site."""

from django.contrib import admin

from django_site.library.models import Book

admin.site.register(Book)
