"""The addresses of the site."""

from django.contrib import admin
from django.urls import path

from django_site.library import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("upload/", views.upload),
    path("stream/", views.stream),
    path("visits/", views.visits),
    path("raw/", views.raw),
    path("books/", views.books),
    path("books/<str:title>/", views.book, name="book"),
]
