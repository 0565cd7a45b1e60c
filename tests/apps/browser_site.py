"""A page of many parts, for a browser. Its script asks for more in several ways, and shows in the page what it saw."""

import hashlib
import json
import threading

PARTS = 40
BLOCKS = [bytes([65 + number]) * 1000 for number in range(20)]
UPLOAD = 300_000
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")

_ports = set()  # of the browser, one for each connection
_done = threading.Event()
_shows_first = threading.Event()

SCRIPT = """
async function post(path, body) {
  const response = await fetch(path, {method: "POST", body: body});
  return await response.text();
}

async function stream() {
  const reader = (await fetch("/stream")).body.getReader();
  let text = "", decoder = new TextDecoder();
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return text.length + " " + text[0] + text[text.length - 1];
    if (text === "") await fetch("/first", {method: "POST"});
    text += decoder.decode(value);
  }
}

async function upload() {
  const form = new FormData();
  form.append("file", new Blob([new Uint8Array(UPLOAD).fill(7)]), "name.bin");
  return await post("/upload", form);
}

const work = {
  posted: () => post("/echo", "caf\\u00e9"),
  streamed: stream,
  uploaded: upload,
  missing: async () => String((await fetch("/nowhere")).status),
  empty: async () => String((await fetch("/empty")).status),
  head: async () => (await fetch("/part/0", {method: "HEAD"})).headers.get("Content-Length"),
  scripts: async () => String(window.scripts),
  images: async () => String([...document.images].filter(each => each.naturalWidth === 1).length),
};

async function all() {
  for (const name in work) {
    const shown = document.createElement("p");
    shown.id = name;
    shown.textContent = await work[name]().catch(String);
    document.body.append(shown);
  }
  await post("/done", "");
}
""".replace("UPLOAD", str(UPLOAD))


def page():
    scripts = "".join(f'<script src="/script/{number}"></script>' for number in range(PARTS))
    images = "".join(f'<img src="/part/{number}">' for number in range(PARTS))
    # The page has not been loaded before the last image is, which comes when the script has ended.
    return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>parts</title>
<script>window.scripts = 0;</script>{scripts}</head><body>{images}
<script>{SCRIPT}
Promise.all([...document.images].map(each => each.decode())).then(all);
const last = new Image(); last.src = "/last"; document.body.append(last);</script></body></html>"""


def stream():
    """All but the first block are sent once the script has that one."""
    yield BLOCKS[0]
    if not _shows_first.wait(60):
        return
    yield from BLOCKS[1:]


def uploaded(body) -> str:
    content = body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
    return hashlib.sha256(content).hexdigest()


def answer(path, body):
    """(status, type, body)"""
    kind = path.split("/")[1]
    if kind == "first":
        _shows_first.set()
    if kind == "done":
        _done.set()
    if kind == "last" and not _done.wait(60):
        return "504 Gateway Timeout", "text/plain", []
    return {
        "": lambda: ("200 OK", "text/html", [page().encode()]),
        "script": lambda: ("200 OK", "text/javascript", [b"window.scripts += 1;"]),
        "part": lambda: ("200 OK", "image/gif", [PIXEL]),
        "last": lambda: ("200 OK", "image/gif", [PIXEL]),
        "echo": lambda: ("200 OK", "text/plain; charset=utf-8", [body]),
        "stream": lambda: ("200 OK", "text/plain", stream()),
        "upload": lambda: ("200 OK", "text/plain", [uploaded(body).encode()]),
        "first": lambda: ("204 No Content", None, []),
        "done": lambda: ("204 No Content", None, []),
        "empty": lambda: ("204 No Content", None, []),
        "connections": lambda: ("200 OK", "application/json", [json.dumps(len(_ports)).encode()]),
    }.get(kind, lambda: ("404 Not Found", "text/plain", [b"not here"]))()


def application(environ, start_response):
    if environ["PATH_INFO"] != "/connections":
        _ports.add(environ["REMOTE_PORT"])
    status, kind, body = answer(environ["PATH_INFO"], environ["wsgi.input"].read())
    fields = [("Content-Type", kind)] if kind else []
    if isinstance(body, list) and kind:
        fields.append(("Content-Length", str(sum(map(len, body)))))
    start_response(status, fields)
    return body
