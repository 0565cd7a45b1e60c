"""As postgres_site, but connected at import: no matter for workers that import it, an error to share by a fork."""

import psycopg

import postgres_site
from postgres_site import application  # noqa: F401  what appd calls

first = psycopg.connect(postgres_site.os.environ["SITE_DB"])
