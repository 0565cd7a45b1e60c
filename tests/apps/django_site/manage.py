"""Runs the commands of Django for this site."""

#!/usr/bin/python3
import os
import sys

from django.core.management import execute_from_command_line

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_site.settings")
execute_from_command_line(sys.argv)
