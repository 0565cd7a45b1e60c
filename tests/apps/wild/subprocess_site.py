"""subprocess: a filter with pipes, a pipeline in a shell, one that is killed at its time limit, one that fails."""

import json
import subprocess
import sys
from urllib.parse import parse_qs

UPPER = "import sys; sys.stdout.write(sys.stdin.read().upper())"


def upper(text):
    with subprocess.Popen([sys.executable, "-c", UPPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, encoding="utf-8") as child:
        return child.communicate(text)[0]


def tools(text):
    shell = subprocess.run('printf "%s\\n" "$TEXT" b a | sort | tr "\\n" " "; exit 3', shell=True,
                           env={"TEXT": text, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    try:
        subprocess.run(["sleep", "1000"], timeout=0.05)
        late = False
    except subprocess.TimeoutExpired:
        late = True
    try:
        missing = subprocess.run(["/nowhere/tool"])
    except FileNotFoundError as error:
        missing = error.filename
    return {"shell": [shell.stdout, shell.returncode], "late": late, "missing": missing}


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        body = upper(environ["wsgi.input"].read().decode())
    else:
        body = json.dumps(tools(parse_qs(environ["QUERY_STRING"])["text"][0]))
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [body.encode()]
