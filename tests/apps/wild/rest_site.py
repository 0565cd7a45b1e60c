"""Django REST framework: a model on SQLite with a router, a serializer that checks, token and session, pages."""

import os

import django
from django.conf import settings

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="only for the tests", USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SITE_DB"],
                               "OPTIONS": {"timeout": 50}}},
        REST_FRAMEWORK={"PAGE_SIZE": 2, "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
                        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination"})
    django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import include, path
from rest_framework import decorators, parsers, response, routers, serializers, viewsets


class Note(models.Model):
    topic = models.CharField(max_length=40)
    text = models.CharField(max_length=200)

    class Meta:
        app_label = "notes"


class NoteSerializer(serializers.ModelSerializer):
    class Meta:
        model = Note
        fields = ["id", "topic", "text"]


class Notes(viewsets.ModelViewSet):
    serializer_class = NoteSerializer
    queryset = Note.objects.order_by("id")

    def get_queryset(self):
        topic = self.request.query_params.get("topic")
        return self.queryset.filter(topic=topic) if topic else self.queryset.all()


@decorators.api_view(["POST"])
@decorators.parser_classes([parsers.MultiPartParser])
def upload(request):
    file = request.data["file"]
    return response.Response({"name": file.name, "size": file.size, "note": request.data["note"]})


router = routers.DefaultRouter()
router.register("notes", Notes)
urlpatterns = [path("", include(router.urls)), path("upload/", upload)]
application = get_wsgi_application()

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Note)
