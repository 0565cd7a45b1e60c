"""Pages for a developer: an exception with source lines and variables, and a failed load."""

import base64
import hashlib
import html
import linecache
import re
import reprlib
import traceback

AROUND = 5  # source lines before and after the one that runs
MOST_FRAMES = 100
LOCAL_HOST = re.compile(r"(localhost|[^/@]+\.localhost|127(\.\d{1,3}){3}|\[::1\])\.?(:\d+)?", re.IGNORECASE)
LOCAL_PEERS = ("127.", "::1", "::ffff:127.")
SIGNS_OF_PROXIES = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED", "HTTP_VIA")
# Whoever comes back from the editor sees what has become of it. A page that asked again and again would fill the log.
RETURN = "addEventListener('focus', () => location.reload())"
RETURN_HASH = base64.b64encode(hashlib.sha256(RETURN.encode()).digest()).decode()
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; "
     "script-src 'sha256-%s'; frame-ancestors 'none'" % RETURN_HASH),
    ("X-Content-Type-Options", "nosniff"),
]
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>%(title)s</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }
h1 { font-size: 1.4em; overflow-wrap: anywhere } h1 small { display: block; color: #777; font-weight: normal }
details { border: 1px solid #ddd; border-radius: 4px; margin: .5em 0; padding: .4em .8em }
summary { cursor: pointer; overflow-wrap: anywhere }
pre, code, td { font: 13px/1.45 ui-monospace, monospace }
pre { background: #f6f6f6; overflow-x: auto; padding: .6em }
mark { background: #ffdf8a; display: inline-block; min-width: 100%% }
table { border-collapse: collapse } td { border-top: 1px solid #eee; padding: .1em .8em .1em 0; vertical-align: top;
overflow-wrap: anywhere; white-space: pre-wrap }
</style></head><body>
%(body)s
</body></html>
"""


def may_show(environ):
    """A page goes to a browser of this machine that asks for this machine by its name: a site of another name can lead
    here, too."""
    return (environ.get("REMOTE_ADDR", "").startswith(LOCAL_PEERS)
            and LOCAL_HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None
            and not any(name in environ for name in SIGNS_OF_PROXIES))


def wants_page(environ):
    """Whether somebody waits for a page in a browser."""
    return environ.get("REQUEST_METHOD") == "GET" and "text/html" in environ.get("HTTP_ACCEPT", "")


def failure_page(text, go_on=None):
    """Of code that cannot be loaded. `go_on` is the address that leads on with the old code."""
    link = '<p><a href="%s">Go on with the code from before</a></p>' % html.escape(go_on) if go_on else ""
    last = text.rstrip().rpartition("\n")[2]
    return page(last, "<h1>%s<small>The application cannot be loaded. Mend it and save, and come back.</small>"
                "</h1>%s<pre>%s</pre><script type='module'>%s</script>"
                % (html.escape(last), link, html.escape(text), RETURN))


def exception_page(error, environ):
    title = describe(error)
    asked = "%s %s" % (environ.get("REQUEST_METHOD", ""), environ.get("REQUEST_URI") or environ.get("PATH_INFO", ""))
    body = ["<h1>%s<small>%s</small></h1>" % (html.escape(title), html.escape(asked))]
    for number, one in enumerate(chain(error)):
        if number:
            body.append("<h2>%s</h2>" % html.escape("from " + describe(one)))
        body.extend(show_frames(one))
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    body.append("<h2>As text</h2><pre>%s</pre>" % html.escape(text))
    return page(title, "\n".join(body))


def page(title, body):
    text = PAGE % {"title": html.escape(title), "body": body}
    return text.encode("utf-8", "backslashreplace")


def describe(error):
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def chain(error):
    """The exception, then what it came from."""
    seen = []
    while error is not None and error not in seen and len(seen) < 10:
        seen.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return seen


def show_frames(error):
    """The latest call first."""
    frames = list(traceback.walk_tb(error.__traceback__))[-MOST_FRAMES:]
    shown = []
    for frame, line in reversed(frames):
        shown.append(show_frame(frame, line, is_open=not shown))
    return shown


def show_frame(frame, line, is_open):
    code = frame.f_code
    return ("<details%s><summary><code>%s</code>, line %s, in <code>%s</code></summary><pre>%s</pre><table>%s</table>"
            "</details>" % (" open" if is_open else "", html.escape(code.co_filename), line,
                            html.escape(code.co_name), show_source(frame, line), show_variables(frame)))


def show_source(frame, line):
    """`line` is None where the compiler knows of none."""
    line = line or 0
    lines = []
    for number in range(max(line - AROUND, 1), line + AROUND + 1):
        text = linecache.getline(frame.f_code.co_filename, number, frame.f_globals)
        shown = html.escape("%5d  %s" % (number, text.rstrip("\n")))
        if text:
            lines.append("<mark>%s</mark>" % shown if number == line else shown)
    return "\n".join(lines)


def show_variables(frame):
    return "".join("<tr><td>%s</td><td>%s</td></tr>" % (html.escape(str(name)), html.escape(show_value(value)))
                   for name, value in list(frame.f_locals.items()))


class Shortener(reprlib.Repr):
    def __init__(self):
        super().__init__()
        self.maxstring = self.maxother = 1000
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 50


def show_value(value):
    try:
        return Shortener().repr(value)
    except Exception as error:
        return "<%s, whose repr() fails: %s>" % (type(value).__name__, type(error).__name__)
