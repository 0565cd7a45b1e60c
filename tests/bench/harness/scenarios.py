"""The scenarios and their targets: all of the bench's data, in one table.

Where the wire is not part of the scenario, each server is driven the way that suits it best: appd over
kept FastCGI connections, uWSGI over uwsgi, the others over HTTP.
"""

from collections.abc import Callable
from dataclasses import dataclass

from harness.http_servers import (FastCgiTcpAppd, FileNginx, Granian, HttpAppd, HttpUwsgi, QuietAppd, StaticAppd,
                                  TcpAppd, TunedGranian)
from harness.measures import (LATE_LIMIT_MS, BehindFront, Beside, BlockOrder, ClosedLoop, Fairness,
                              IdleConnections, Memory, WakeUps)
from harness.servers import (Appd, Floor, Gunicorn, LazyUwsgi, ModWsgi, NewestGunicorn, PreloadedAppd,
                             Uwsgi)
from harness.stage import FILE_SIZES, Application, fill_library, share_progress
from harness.targets import Ideal, Target, at_least, at_most

MIB = 1 << 20
KEPT = "fastcgi-kept"


@dataclass(frozen=True)
class Contender:
    """One server of a variant, under the name that targets use."""

    name: str
    server: Callable
    wire: str
    workers: int
    threads: int
    behind_nginx: bool = False


@dataclass(frozen=True)
class Variant:
    """`one_core`: server and load share a core. With one request at a time they never run at once, and where
    the scheduler happens to put them decides more than the server does."""

    name: str
    application: Application
    measure: Callable
    contenders: tuple
    targets: tuple = ()
    one_core: bool = False


@dataclass(frozen=True)
class Scenario:
    number: int
    name: str  # on the command line
    title: str
    variants: tuple


HELLO = Application("hello:application", contains=b"Hello, world!\n", length=14)
FLASK = Application("flask_json:application", path="/books", contains=b'"title":"Book 19"')
DJANGO = Application("django_site.wsgi:application", path="/books/", contains=b"<h1>20 books</h1>",
                     prepare=fill_library)
LARGE = Application("large_response:application", length=MIB)
STREAM = Application("stream:application", length=100_000)
WATCHED_STREAM = Application("stream:application", length=100_000, prepare=share_progress)
UPLOAD = Application("upload:application", contains=b"1048576 bytes\n", body=MIB)
SLEEP = Application("sleep:application", contains=b"Hello, world!\n", length=14)
MIXED = Application("mixed:application", contains=b"Hello, world!\n", length=14)
RECORDER = Application("recorder:application", contains=b'"began"')

SLEEP_IDEAL = Ideal(32 / 0.020, "the ideal 1,600")


def appd(wire, workers, threads, name="appd") -> Contender:
    return Contender(name, Appd, wire, workers, threads)


def uwsgi(wire, workers, threads) -> Contender:
    """uWSGI closes FastCGI connections, so it is driven so."""
    return Contender("uWSGI", Uwsgi, wire.removesuffix("-kept"), workers, threads)


def floor(wire) -> Contender:
    return Contender("floor", Floor, wire, 1, 1)


def gunicorn_wire(threads) -> str:
    return "http" if threads > 1 else "http-closed"


def at_front(server: Callable, name, wire, workers, threads) -> Contender:
    return Contender(name, server, wire, workers, threads, behind_nginx=True)


def shape(workers, threads) -> str:
    return f"{workers} × {threads}"


def cpu(limit, of="uWSGI") -> Target:
    return at_most("cpu_us", limit, of)


def faster(factor, of) -> Target:
    return at_least("requests_per_second", factor, of)


def no_slower(latency) -> Target:
    return at_most(latency, 1, "uWSGI")


def hello(wire, threads, targets, *more, connections=16) -> Variant:
    """appd, uWSGI and others on one wire, one worker."""
    return Variant(f"{wire}, {shape(1, threads)}", HELLO, ClosedLoop(connections),
                   (appd(wire, 1, threads), uwsgi(wire, 1, threads), *more), tuple(targets), connections == 1)


def one_way(application, wire, limit, connections=4) -> Variant:
    """Much data in one direction: appd and uWSGI, one thread."""
    return Variant(f"{wire}, {shape(1, 1)}", application, ClosedLoop(connections),
                   (appd(wire, 1, 1), uwsgi(wire, 1, 1)), (cpu(limit),))


def block_order(wire) -> Variant:
    return Variant(f"{wire}, order of blocks", WATCHED_STREAM, BlockOrder(),
                   (appd(wire, 1, 1), uwsgi(wire, 1, 1)), (at_most("late_streams", 0),))


def framework(application, workers, threads, targets) -> Variant:
    """Each server as it suits it best."""
    return Variant(shape(workers, threads), application, ClosedLoop(),
                   (appd(KEPT, workers, threads), uwsgi("uwsgi", workers, threads),
                    Contender("gunicorn", Gunicorn, gunicorn_wire(threads), workers, threads)),
                   tuple(targets))


def behind_nginx(name, application, workers, threads, targets) -> Variant:
    size = (workers, threads)
    return Variant(f"{name}, {shape(*size)}", application, BehindFront(),
                   (at_front(Appd, "appd", KEPT, *size), at_front(Uwsgi, "uWSGI", "uwsgi", *size),
                    at_front(Gunicorn, "gunicorn", gunicorn_wire(threads), *size),
                    at_front(NewestGunicorn, "newest gunicorn", "uwsgi", *size),
                    Contender("mod_wsgi", ModWsgi, "http", *size)), tuple(targets))


def memory(name, application, limit) -> tuple:
    """Like with like: both import once and fork then, or both import in each worker."""
    pairs = {"imported once": (PreloadedAppd, Uwsgi), "imported in each worker": (Appd, LazyUwsgi)}
    return tuple(
        Variant(f"{name}, {shape(2, 4)}, {how}", application, Memory(),
                (Contender("appd", ours, KEPT, 2, 4), Contender("uWSGI", theirs, "uwsgi", 2, 4)),
                (at_most("pss_mib", limit, "uWSGI"),))
        for how, (ours, theirs) in pairs.items())


def fairness(threads) -> Variant:
    return Variant(shape(4, threads), RECORDER, Fairness(), (appd(KEPT, 4, threads),),
                   (at_most("idle_wait_ms", LATE_LIMIT_MS),))


def over_http(application, workers, threads, targets, *more) -> Variant:
    """Servers that clients reach over HTTP."""
    size = (workers, threads)
    return Variant(shape(*size), application, ClosedLoop(),
                   (Contender("appd", TcpAppd, "http", *size), Contender("granian", Granian, "http", *size),
                    Contender("granian, tuned", TunedGranian, "http", *size),
                    Contender("uWSGI", HttpUwsgi, "http-closed", *size), *more), tuple(targets))


def files(name) -> Variant:
    size = FILE_SIZES[name]
    return Variant(f"{size >> 10} KiB", Application("hello:application", f"/static/{name}", length=size), ClosedLoop(),
                   (Contender("appd", StaticAppd, "http", 1, 1), Contender("nginx", FileNginx, "http", 1, 1)),
                   (faster(0.8, "nginx"),))


ONE_THREAD = appd(KEPT, 1, 1, name="appd 1 × 1")
OVER_FASTCGI = "appd, FastCGI"
FRONT_TARGETS = (faster(1.6, "uWSGI"), faster(3, "gunicorn"), faster(3, "mod_wsgi"))

SCENARIOS = (
    Scenario(1, "hello", "hello over kept FastCGI, 16 connections", (
        hello(KEPT, 1, (cpu(0.40), cpu(1.15, "floor"), faster(2.5, "uWSGI")), floor(KEPT)),
    )),
    Scenario(2, "threads", "the same with 4 and 16 threads", tuple(
        hello(KEPT, threads, (cpu(0.33), cpu(1.2, ONE_THREAD.name), no_slower("p99_us")), ONE_THREAD)
        for threads in (4, 16)
    )),
    Scenario(3, "closed", "hello over FastCGI that closes, 16 connections", (
        hello("fastcgi", 1, (cpu(0.80),), floor("fastcgi")),
        hello("fastcgi", 4, (cpu(0.60),), floor("fastcgi")),
    )),
    Scenario(4, "uwsgi-scgi", "hello over uwsgi and SCGI, 16 connections", tuple(
        hello(wire, threads, (cpu(limit), cpu(1.15, "floor")), floor(wire),
              *([Contender("newest gunicorn", NewestGunicorn, wire, 1, threads)] if wire == "uwsgi" else []))
        for wire in ("uwsgi", "scgi") for threads, limit in ((1, 1.0), (4, 0.70))
    )),
    Scenario(5, "latency", "hello, 1 connection", tuple(
        hello(wire, threads, (cpu(1.05), no_slower("p50_us")), connections=1)
        for wire in (KEPT, "fastcgi", "uwsgi", "scgi") for threads in (1, 4)
    )),
    Scenario(6, "flask", "Flask, JSON of 20 rows, 16 connections", tuple(
        framework(FLASK, *size, (cpu(0.90), faster(1.1, "uWSGI")))
        for size in ((1, 1), (2, 4))
    )),
    Scenario(7, "django", "Django, page with a query of 20 rows on SQLite, 16 connections", (
        framework(DJANGO, 2, 4, (cpu(0.95),)),
    )),
    Scenario(8, "large-response", "response of 1 MiB, 4 connections", (
        one_way(LARGE, KEPT, 0.80), one_way(LARGE, "uwsgi", 1.0),
    )),
    Scenario(9, "stream", "stream of 100 blocks of 1,000 bytes, 4 connections", (
        *(one_way(STREAM, wire, 0.60) for wire in (KEPT, "uwsgi", "scgi")),
        *(block_order(wire) for wire in (KEPT, "uwsgi", "scgi")),
    )),
    Scenario(10, "upload", "POST of 1 MiB, 4 connections", (
        one_way(UPLOAD, KEPT, 0.80), one_way(UPLOAD, "uwsgi", 0.90),
    )),
    Scenario(11, "sleep", "application that sleeps 20 ms, 64 connections", (
        Variant(shape(1, 32), SLEEP, ClosedLoop(64), (appd(KEPT, 1, 32), uwsgi("uwsgi", 1, 32)),
                (cpu(1.0), faster(0.98, SLEEP_IDEAL), at_most("p999_to_p50", 2.2))),
    )),
    Scenario(12, "cpu-beside", "hello on 8 connections beside a request of 100 ms CPU on another", (
        Variant(shape(1, 4), MIXED, Beside("/cpu"),
                (appd(KEPT, 1, 4), uwsgi("uwsgi", 1, 4)), (no_slower("p99_us"),)),
    )),
    Scenario(13, "nginx", "behind nginx with one worker (mod_wsgi: behind its Apache), 16 connections", (
        behind_nginx("hello", HELLO, 1, 1, FRONT_TARGETS),
        behind_nginx("hello", HELLO, 2, 4, FRONT_TARGETS),
        behind_nginx("Flask", FLASK, 2, 4, ()),
    )),
    Scenario(14, "memory", "memory of master and two workers (PSS)", (
        *memory("hello", HELLO, 0.75),
        *memory("Flask", FLASK, 0.9),
        *memory("Django", DJANGO, 0.9),
        Variant(f"5,000 idle kept connections, {shape(2, 4)}", HELLO, IdleConnections(), (appd(KEPT, 2, 4),),
                (at_most("idle_connection_kib", 3),)),
    )),
    Scenario(15, "fairness", "4 workers, kept connections crowded in one, slow and fast requests", (
        fairness(1), fairness(4),
    )),
    Scenario(16, "http", "hello over kept HTTP, 16 connections", tuple(
        over_http(HELLO, 1, threads, (cpu(1.3, OVER_FASTCGI), cpu(0.35, "granian"), cpu(0.35), faster(2.5, "granian")),
                  Contender(OVER_FASTCGI, FastCgiTcpAppd, KEPT, 1, threads))
        for threads in (1, 4)
    )),
    Scenario(17, "http-flask", "Flask, JSON of 20 rows, over HTTP, 16 connections", (
        over_http(FLASK, 2, 4, (cpu(0.75, "granian"), cpu(0.6), at_most("p99_us", 1, "granian"))),
    )),
    Scenario(18, "http-idle", "10,000 idle kept HTTP connections", (
        Variant("memory, 1 × 4", HELLO, IdleConnections(count=10_000), (Contender("appd", HttpAppd, "http", 1, 4),),
                (at_most("idle_connection_kib", 1),)),
        Variant("wake-ups, 1 × 4", HELLO, WakeUps(idle=10_000), (Contender("appd", QuietAppd, "http", 1, 4),),
                (at_most("wake_ups", 0),)),
    )),
    Scenario(19, "static", "static files, 16 connections", (files("64k"), files("1m"))),
)


def select(names) -> tuple:
    """The scenarios with these numbers or names, in the table's order; all when there are none. Raises
    ValueError for a name that is none."""
    known = {key: scenario for scenario in SCENARIOS for key in (str(scenario.number), scenario.name)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no such scenario: {', '.join(unknown)} (--list shows all)")
    chosen = {known[name] for name in names}
    return tuple(scenario for scenario in SCENARIOS if not names or scenario in chosen)
