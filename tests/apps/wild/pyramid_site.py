"""Pyramid: routes, a view with JSON, a signed session, URLs that it makes, an exception view."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import exception_view_config, view_config


@view_config(route_name="page", request_method="GET")
def page(request):
    return Response(f"<a href='{request.route_url('visits', _query={'of': request.matchdict['name']})}'>visits</a>")


@view_config(route_name="page", request_method="POST")
def rename(request):
    return HTTPFound(request.route_path("page", name=request.POST["name"]))


@view_config(route_name="visits", renderer="json")
def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return {"visits": request.session["visits"], "of": request.params["of"]}


@view_config(route_name="broken")
def broken(request):
    raise LookupError("no such shelf")


@exception_view_config(LookupError)
def lookup_failed(error, request):
    return Response(str(error), status=410, content_type="text/plain")


def make():
    with Configurator(session_factory=SignedCookieSessionFactory("only for the tests")) as config:
        for name, pattern in [("page", "/pages/{name}"), ("visits", "/visits"), ("broken", "/broken")]:
            config.add_route(name, pattern)
        config.scan(__name__)
        return config.make_wsgi_app()


application = make()
