"""A real browser, and a load generator that does not let up, as clients of HTTP."""

import hashlib
import re
import shutil
import subprocess
import sys

import pytest

import http_site
from appd import APPS
from processes import Process

sys.path.insert(0, str(APPS))
import browser_site

open_site = http_site.open_site
CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
         "--no-first-run", "--no-proxy-server"]
SECONDS = 1


class Browser(Process):
    """Loads a page and writes what has become of it to its output."""

    def __init__(self, place, url):
        super().__init__("chromium", [CHROMIUM, *FLAGS, f"--user-data-dir={place.folder('profile')}", "--dump-dom", url],
                         place, {"HOME": place.path})


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
def test_a_browser_sees_a_page_of_many_parts(open_site, place):
    site = open_site(module="browser_site:application", threads=8)
    browser = Browser(place, site.url("/"))
    try:
        assert browser.wait_exit() == 0, browser.log()
    finally:
        browser.stop()
    seen = dict(re.findall(r'<p id="(\w+)">([^<]*)</p>', browser.output()))
    parts = str(browser_site.PARTS)
    assert seen == {
        "posted": "café", "streamed": "20000 AT", "missing": "404", "empty": "204", "head": str(len(browser_site.PIXEL)),
        "uploaded": hashlib.sha256(b"\7" * browser_site.UPLOAD).hexdigest(), "scripts": parts, "images": parts,
    }
    connections = int(subprocess.run(["curl", "-sS", "--max-time", "60", site.url("/connections")], check=True,
                                     capture_output=True, timeout=90).stdout)
    assert connections <= 12, f"{connections} connections for {2 * browser_site.PARTS} parts: they are not kept"
    assert not [each for each in site.events() if each.level in ("warn", "error")]


@pytest.mark.parametrize("path", ["/hello", "/sized?size=100000", "/sized?size=100000&length=no"])
def test_wrk_sees_no_error(open_site, path):
    site = open_site()
    ran = subprocess.run(["wrk", "-t1", "-c16", f"-d{SECONDS}s", "--timeout", "60s", site.url(path)],
                         capture_output=True, text=True, timeout=90)
    assert ran.returncode == 0 and not re.search("Socket errors|Non-2xx", ran.stdout), ran.stdout
    assert int(re.search(r"(\d+) requests in", ran.stdout)[1]) >= 16
    assert not [each for each in site.events() if each.level in ("warn", "error")]
