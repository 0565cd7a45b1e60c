"""Makes the database: the tables, the user "editor", and an article below the root."""

import os

import django
from django.core.management import call_command

os.environ["DJANGO_SETTINGS_MODULE"] = "wagtail_site.settings"
django.setup()
call_command("migrate", verbosity=0)

from django.contrib.auth import get_user_model
from wagtail.models import Page, Site

from wagtail_site.models import Article

get_user_model().objects.create_superuser("editor", "editor@example.test", os.environ["SITE_PASSWORD"])
root = Page.get_first_root_node()
home = root.add_child(instance=Article(title="Home", slug="start", body="<p>Welcome</p>"))
site = Site.objects.first() or Site(hostname="example.test", is_default_site=True)
site.root_page = home
site.save()
