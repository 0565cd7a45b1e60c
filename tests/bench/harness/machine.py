"""Where a run was made: the machine, and the versions of all that took part."""

import os
import platform
import re
import subprocess
from datetime import date
from pathlib import Path

from harness import ROOT

PACKAGES = {
    "Python": "python3.11", "uWSGI": "uwsgi-core", "gunicorn": "gunicorn",
    "mod_wsgi": "libapache2-mod-wsgi-py3", "Apache": "apache2-bin", "nginx": "nginx",
    "Flask": "python3-flask", "Django": "python3-django",
}


def output(*command) -> str:
    """What a command prints, or "" where it fails."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def first_match(pattern, path) -> str:
    found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def describe_machine() -> dict:
    memory = int(first_match(r"^MemTotal:\s+(\d+)", "/proc/meminfo"))
    return {
        "processor": first_match(r"^model name\s*:(.*)$", "/proc/cpuinfo"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{memory / (1 << 20):.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "system": first_match(r'^PRETTY_NAME="(.*)"$', "/etc/os-release"),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def source_revision() -> str:
    """The commit of the tree, with a mark where files differ from it; "" outside of a repository."""
    return output("git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "describe", "--always", "--dirty")


def describe_versions(stage, revision: str) -> dict:
    """`revision`: of the source that appd was built from, "" where it is not known."""
    version = output(stage.appd, "--version").splitlines()[0].removeprefix("appd ")
    versions = {"appd": f"{version} ({revision})" if revision else version}
    for name, package in PACKAGES.items():
        versions[name] = output("dpkg-query", "-W", "-f", "${Version}", package) or "absent"
    for package, folder in stage.installed_by_pip():  # only what a scenario wanted
        (info,) = folder.glob(f"{package}-*.dist-info")
        versions[f"newest {package}"] = info.name.removeprefix(f"{package}-").removesuffix(".dist-info")
    return versions


def today() -> str:
    return date.today().isoformat()
