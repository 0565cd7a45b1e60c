"""The addresses of the site."""

from django.http import JsonResponse
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as admin_urls

from .models import Article


def search(request):
    return JsonResponse([page.title for page in Article.objects.live().search(request.GET["q"])], safe=False)


urlpatterns = [path("cms/", include(admin_urls)), path("search", search), path("", include(wagtail_urls))]
