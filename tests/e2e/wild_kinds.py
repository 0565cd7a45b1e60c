"""All applications of tests/apps/wild, for tests/apps/wild/run."""

from wild_debian import OF_DEBIAN
from wild_frameworks import A2wsgi, Asyncio, DjangoRest, FlaskSqlAlchemy, Pandas, Pyramid, Wagtail, WhiteNoise
from wild_services import OpenTelemetry, Postgres, PostgresEager, Sentry

ALL = [*OF_DEBIAN, DjangoRest, Wagtail, FlaskSqlAlchemy, Pyramid, WhiteNoise, Pandas, Asyncio, A2wsgi, Postgres,
       PostgresEager, OpenTelemetry, Sentry]
