from django.contrib import admin

from django_site.library.models import Book

admin.site.register(Book)
