"""Falcon: resources, JSON in both directions, a middleware, and an error that Falcon renders."""

import falcon


class Stamp:
    def process_response(self, request, response, resource, request_succeeded):
        response.set_header("X-Path", request.path)


class Things:
    def on_get(self, request, response, number):
        if number > 1_000_000:
            raise falcon.HTTPNotFound(title="no such thing")
        response.media = {"number": number, "wanted": request.get_param_as_list("wanted") or []}

    def on_post(self, request, response, number):
        response.status = falcon.HTTP_201
        response.location = f"/things/{number}"
        response.media = {"number": number, "got": request.get_media()}


application = falcon.App(middleware=[Stamp()])
application.add_route("/things/{number:int}", Things())
