"""a2wsgi: an ASGI application, of Starlette, in one event loop beside the threads that serve WSGI."""

import asyncio
import os

from a2wsgi import ASGIMiddleware
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


async def tell(name):
    """Runs once the response has gone out."""
    await asyncio.sleep(0.01)
    with open(os.environ["PROBE_DIR"] + "/told", "a") as notes:
        notes.write(f"{name}\n")


async def hello(request):
    await asyncio.sleep(0.01)
    return JSONResponse({"hello": request.path_params["name"], "query": dict(request.query_params)},
                        background=BackgroundTask(tell, request.path_params["name"]))


async def upload(request):
    size = 0
    async for block in request.stream():
        size += len(block)
    return JSONResponse({"size": size, "type": request.headers["content-type"]}, status_code=201)


async def stream(request):
    async def lines():
        for number in range(200):
            yield b"line %d\n" % number
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="text/plain")


application = ASGIMiddleware(Starlette(routes=[
    Route("/hello/{name}", hello), Route("/upload", upload, methods=["POST"]), Route("/stream", stream),
]))
