"""asyncio through asgiref: async views of Django, which run in a loop of their own for each request."""

import asyncio
import contextvars

import django
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="only for the tests", MIDDLEWARE=[],
                   USE_TZ=True)
asked_for = contextvars.ContextVar("asked_for")


async def double(number):
    await asyncio.sleep(0.01)
    return 2 * number


@sync_to_async
def whom():
    return asked_for.get()


async def gathered(request):
    asked_for.set(request.GET["name"])
    doubled = await asyncio.gather(*(double(number) for number in range(5)))
    return JsonResponse({"doubled": doubled, "name": await whom()})


def from_sync(request):
    async def both():
        async with asyncio.timeout(20):
            child = await asyncio.to_thread(lambda: len(request.body))
            return child, await double(21)

    return JsonResponse({"both": async_to_sync(both)()})


def streamed(request):
    return StreamingHttpResponse(b"line %d\n" % number for number in range(100))


urlpatterns = [path("gathered", gathered), path("sync", from_sync), path("streamed", streamed)]
django.setup()
application = get_wsgi_application()
