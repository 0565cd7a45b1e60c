"""Makes the database of the sample Django project, with twenty books. DJANGO_DB names the file."""

import os

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_site.settings")
django.setup()

from django_site.library.models import Book

call_command("migrate", verbosity=0)
Book.objects.bulk_create(Book(title=f"Book {number:02}") for number in range(20))
