"""Bottle: routes, a form, JSON, a template and an error page."""

import bottle

application = bottle.Bottle()
PAGE = bottle.SimpleTemplate("<h1>Hello {{name}}</h1>\n% for number in range(3):\n<p>{{number}}</p>\n% end\n")


@application.get("/hello/<name>")
def hello(name):
    return PAGE.render(name=name)


@application.post("/form")
def form():
    return {"name": bottle.request.forms.getunicode("name"), "files": sorted(bottle.request.files)}


@application.error(404)
def missing(error):
    bottle.response.content_type = "text/plain"
    return "no such page"
