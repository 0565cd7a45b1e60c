"""The pages of the library."""

import hashlib

from django.http import JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.csrf import csrf_exempt

from django_site.library.models import Book


@csrf_exempt
def upload(request):
    """Stores an uploaded file as a book's cover."""
    sent = request.FILES["cover"]
    book = Book.objects.create(title=request.POST["title"], cover=sent)
    digest = hashlib.sha256()
    with book.cover.open("rb") as stored:
        for chunk in stored.chunks():
            digest.update(chunk)
    return JsonResponse({"id": book.id, "size": book.cover.size, "sha256": digest.hexdigest()})


@csrf_exempt
def raw(request):
    """The body as Django reads it: nothing unless CONTENT_LENGTH is true."""
    return JsonResponse({"length": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest()})


def stream(request):
    lines = (f"line {number}\n" for number in range(1000))
    return StreamingHttpResponse(lines, content_type="text/plain")


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"], "user": request.user.get_username()})


def book(request, title):
    found = get_object_or_404(Book, title=title)
    return JsonResponse({"title": found.title, "url": request.build_absolute_uri()})


def books(request):
    """A page as most are: a query of twenty rows, and a template."""
    return render(request, "library/books.html", {"books": Book.objects.order_by("title")[:20]})
