"""What `appd dev` puts around an application: error pages, static files, reports to the master."""

import os
import sys
import threading
import time
import traceback
from importlib.machinery import SourceFileLoader
from urllib.parse import parse_qsl, quote, urlencode

from appd._error_page import HEADERS, exception_page, failure_page, may_show, wants_page
from appd._reports import Reports

GO_ON = "appd-go-on"
FAILED = "500 Internal Server Error"


class Failure:
    """The file with the traceback of the last load if that has failed. Workers share it."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._passed_over = None

    def set(self, text):
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode("utf-8", "backslashreplace"), 0)

    def read(self):
        """"" if nothing has failed."""
        size = os.fstat(self._descriptor).st_size
        return os.pread(self._descriptor, size, 0).decode("utf-8") if size else ""

    def pass_over(self):
        self._passed_over = os.fstat(self._descriptor).st_mtime_ns

    def is_new(self):
        status = os.fstat(self._descriptor)
        return status.st_size > 0 and status.st_mtime_ns != self._passed_over


class Body:
    """The rest of a response; a failure in it becomes a page if nothing has been sent."""

    def __init__(self, body, on_error, on_end):
        self._body = body
        self._parts = iter(body)
        self._on_error = on_error
        self._on_end = on_end

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self._parts)
        except StopIteration:
            raise
        except Exception as error:
            self._parts = iter(())
            return self._on_error(without_own_frame(error))

    def close(self):
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            self._on_end()


class Application:
    def __init__(self, application, failure, reports, pages):
        self._application = application
        self._failure = failure
        self._reports = reports
        self._pages = pages

    def __call__(self, environ, start_response):
        if self._failure.is_new() and wants_page(environ) and self._may_show(environ):
            return self._show_failure(environ, start_response)

        def on_error(error):
            if not self._may_show(environ):
                raise error
            print_exception(error, environ)
            page = exception_page(error, environ)
            start_response(FAILED, with_length(page), (type(error), error, error.__traceback__))
            return page

        try:
            body = self._application(environ, start_response)
        except Exception as error:
            page = on_error(without_own_frame(error))
            self._end()
            return [page]
        if isinstance(body, (list, tuple, environ["wsgi.file_wrapper"])):
            self._end()
            return body
        return Body(body, on_error, self._end)

    def _may_show(self, environ):
        return self._pages and may_show(environ)

    def _end(self):
        self._reports.release()
        self._reports.look()

    def _show_failure(self, environ, start_response):
        query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        others = [(name, value) for name, value in query if name != GO_ON]
        if len(others) != len(query):
            self._failure.pass_over()
            start_response("303 See Other", [("Location", address(environ, others)), ("Content-Length", "0")])
            return []
        print("The new code cannot be loaded (see above), and the browser shows why.", file=sys.stderr, flush=True)
        page = failure_page(self._failure.read(), address(environ, [*others, (GO_ON, "1")]))
        start_response(FAILED, with_length(page))
        return [page]


class StandIn:
    """Answers in the place of an application that cannot be loaded."""

    def __init__(self, failure, pages):
        self._failure = failure
        self._pages = pages

    def __call__(self, environ, start_response):
        print("The application cannot be loaded (see above).", file=sys.stderr, flush=True)
        if self._pages and may_show(environ):
            page = failure_page(self._failure.read())
            start_response(FAILED, with_length(page))
            return [page]
        text = b"The application cannot be loaded. The terminal of appd dev says why.\n"
        start_response(FAILED, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
        return [text]


class Development:
    """One worker's. The binary calls its methods, in this order."""

    def __init__(self, failure, reports, pages, stands_in):
        self._failure = Failure(failure)
        self._reports = Reports(reports)
        self._pages = pages
        self._stands_in = stands_in

    def prepare(self):
        """Before the application is imported."""
        if self._pages:
            os.environ.setdefault("FLASK_DEBUG", "1")  # else Flask keeps exceptions to itself
        keep_no_fresh_bytecode()
        self._reports.watch_debuggers()

    def wrap(self, application):
        self._failure.set("")
        check_django()
        self._loaded()
        return Application(with_static_files(application), self._failure, self._reports, self._pages)

    def fail(self, text):
        """The application cannot be loaded. Returns what may serve in its place; None if no code of it has failed, as
        when its name is misspelt."""
        text = without_import_system(text)
        self._failure.set(text)
        self._loaded()
        if not self._stands_in or '\n  File "' not in text:
            return None
        print(text, file=sys.stderr, flush=True)
        return StandIn(self._failure, self._pages)

    def _loaded(self):
        self._reports.release()
        self._reports.look()
        for folder in template_folders():
            self._reports.watch_tree(folder)


def keep_no_fresh_bytecode():
    """CPython takes bytecode for current if the source has its size and its time of change in whole seconds. So what
    was saved within a second of another save might never be seen."""
    keep = SourceFileLoader.set_data

    def keep_older(loader, path, data, **more):
        if time.time() - os.stat(loader.path).st_mtime > 2:
            keep(loader, path, data, **more)

    SourceFileLoader.set_data = keep_older


def without_import_system(text):
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith('  File "<frozen importlib'))


def without_own_frame(error):
    """The first frame is that of the caller in this file. A failure of the call itself has no other."""
    return error.with_traceback(error.__traceback__.tb_next or error.__traceback__)


def with_length(page):
    return [*HEADERS, ("Content-Length", str(len(page)))]


def address(environ, query):
    path = quote((environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1"))
    path = "/" + path.lstrip("/")  # "//host" would lead to another host
    return path + "?" + urlencode(query) if query else path


def print_exception(error, environ):
    print("%s %s failed:" % (environ.get("REQUEST_METHOD"), environ.get("REQUEST_URI", environ.get("PATH_INFO"))),
          file=sys.stderr)
    traceback.print_exception(type(error), error, error.__traceback__)
    sys.stderr.flush()


def django_settings():
    """None if this is no Django site."""
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    return settings if settings is not None and settings.configured else None


def template_folders():
    """Of Django; those of the project are watched anyway."""
    engines = getattr(django_settings(), "TEMPLATES", None) or []
    return [os.path.abspath(folder) for engine in engines for folder in engine.get("DIRS", ())]


def with_static_files(application):
    """As runserver serves them: while DEBUG is on."""
    settings = django_settings()
    if settings is None or not settings.DEBUG or "django.contrib.staticfiles" not in settings.INSTALLED_APPS:
        return application
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    return StaticFilesHandler(application)


def check_django():
    """Says in the terminal what runserver says at a start: mistakes in the project, migrations that are missing."""
    apps = getattr(sys.modules.get("django.apps"), "apps", None)
    if apps is None or not apps.ready:
        return
    from django.core.management.base import BaseCommand, SystemCheckError
    from django.db import connections
    command = BaseCommand(stdout=sys.stderr, stderr=sys.stderr)
    for look in (command.check, command.check_migrations):
        try:
            look()
        except SystemCheckError as mistakes:
            print(mistakes, file=sys.stderr)
        except Exception as error:
            print("".join(traceback.format_exception_only(type(error), error)), end="", file=sys.stderr)
    connections.close_all()
    sys.stderr.flush()


def open_browser(url):
    import webbrowser
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True, name="appd-open").start()
