"""The manifests of deploy/kubernetes fit together, and the two configurations in them serve as a pod would have them."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml

import web
from appd import ROOT
from fronts import CONFIGS
from processes import Port, Process

FOLDER = ROOT / "deploy" / "kubernetes"
IMAGE = ROOT / "deploy" / "container"
SITE = '''
def application(environ, start_response):
    body = environ["HTTP_HOST"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
'''
# Makes all but one folder read-only, and becomes a user without any right. $0 is the folder, $1 the user.
AS_IN_A_POD = '''
mount --bind "$0" "$0" && mount -o remount,bind,ro / && user=$1 && shift &&
exec setpriv --reuid="$user" --regid="$user" --clear-groups --bounding-set=-all --no-new-privs --pdeathsig=TERM "$@"
'''


def load_objects() -> dict:
    """All objects by their kind. There is one of each."""
    objects = [each for file in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(file.read_text())]
    found = {each["kind"]: each for each in objects}
    assert len(found) == len(objects)
    return found


OBJECTS = load_objects()
FILES = OBJECTS["ConfigMap"]["data"]
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
CONTAINERS = {each["name"]: each for each in [*POD["initContainers"], *POD["containers"]]}
APPD, NGINX = CONTAINERS["appd"], CONTAINERS["nginx"]
VOLUMES = {each["name"]: each for each in POD["volumes"]}


def mounts(container, kind) -> dict:
    """The paths of a container at which volumes of a kind are mounted, and the volumes."""
    return {each["mountPath"]: each["name"] for each in container["volumeMounts"] if kind in VOLUMES[each["name"]]}


def is_below(path, folders) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)


def directives(text) -> set:
    """The lines of a configuration that are not comments."""
    return {line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")}


def print_config(installed, place) -> dict:
    """What appd makes of the ini file: values by option."""
    ended = installed.run("--config", place.write("appd.ini", FILES["appd.ini"]), "--print-config")
    assert (ended.returncode, ended.stderr) == (0, "")
    return dict(re.findall("^([a-z-]+) = (.*)$", ended.stdout, re.MULTILINE))


def seconds(duration) -> int:
    number, unit = re.fullmatch("([0-9]+)([smh])", duration).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def test_labels_select_the_pods():
    deployment = OBJECTS["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["Service"]["spec"]["selector"] == labels
    assert all(each["labelSelector"]["matchLabels"] == labels for each in POD["topologySpreadConstraints"])


def test_each_port_that_is_named_is_one_of_nginx():
    ports = {each["name"]: each["containerPort"] for each in NGINX["ports"]}
    assert f"listen {ports['http']};" in FILES["nginx.conf"]
    named = [each["targetPort"] for each in OBJECTS["Service"]["spec"]["ports"]]
    named += [NGINX["readinessProbe"]["httpGet"]["port"], NGINX["livenessProbe"]["tcpSocket"]["port"]]
    assert set(named) == set(ports)


def test_each_volume_is_mounted_and_each_mount_has_a_volume():
    used = [each["name"] for container in CONTAINERS.values() for each in container["volumeMounts"]]
    assert set(used) == set(VOLUMES)
    assert VOLUMES["config"]["configMap"]["name"] == OBJECTS["ConfigMap"]["metadata"]["name"]
    for container in CONTAINERS.values():
        (config,) = mounts(container, "configMap")
        (named,) = [word for word in container["command"] if word.startswith(config)]
        assert Path(named).name in FILES


def test_all_that_is_written_is_in_a_volume(installed, place):
    values = print_config(installed, place)
    writable = mounts(APPD, "emptyDir")
    assert all(is_below(values[name], writable) for name in ("socket", "control", "spool-dir"))
    written = re.findall(r"^\s*(?:pid|\w+_temp_path) (\S+);", FILES["nginx.conf"], re.MULTILINE)
    assert len(written) == 6 and all(is_below(path, mounts(NGINX, "emptyDir")) for path in written)


def test_both_have_the_folder_of_the_socket(installed, place):
    folder = str(Path(print_config(installed, place)["socket"]).parent)
    assert mounts(APPD, "emptyDir")[folder] == mounts(NGINX, "emptyDir")[folder]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_may_do_no_more_than_it_must(name):
    assert POD["securityContext"]["runAsNonRoot"] and POD["securityContext"]["runAsUser"] > 0
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINERS[name]["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert {"cpu", "memory"} <= set(CONTAINERS[name]["resources"]["requests"])
    assert "memory" in CONTAINERS[name]["resources"]["limits"]


def test_workers_follow_the_cpu_limit():
    assert "workers = auto" in directives(FILES["appd.ini"])
    assert int(APPD["resources"]["limits"]["cpu"]) >= 1


def test_appd_starts_before_nginx_and_ends_after_it():
    assert APPD in POD["initContainers"] and APPD["restartPolicy"] == "Always"
    assert APPD["startupProbe"] and "lifecycle" not in APPD


def test_the_pod_waits_for_all_that_may_still_run(installed, place):
    values = print_config(installed, place)
    (nginx,) = re.findall("^worker_shutdown_timeout ([0-9]+s);", FILES["nginx.conf"], re.MULTILINE)
    needed = (NGINX["lifecycle"]["preStop"]["sleep"]["seconds"] + seconds(nginx)
              + seconds(values["graceful-timeout"]) + seconds(values["exit-timeout"]))
    assert needed < POD["terminationGracePeriodSeconds"] < needed + 30
    assert seconds(nginx) > seconds(values["request-timeout"]), "nginx sees the end of a request at its deadline"


def test_a_slow_start_is_appds_to_end(installed, place):
    probe = APPD["startupProbe"]
    given = seconds(print_config(installed, place)["start-timeout"])
    assert probe["periodSeconds"] * probe["failureThreshold"] > given


def test_nginx_speaks_fastcgi_as_the_snippet_does():
    """The include has its whole path, as the file is not in /etc/nginx."""
    snippet = (CONFIGS / "nginx" / "appd-fastcgi-kept.conf").read_text()
    upstream = (CONFIGS / "nginx" / "appd-upstream.conf").read_text()
    wanted = directives(snippet.replace("include ", "include /etc/nginx/"))
    wanted |= directives("map" + upstream.partition("\nmap")[2])
    assert wanted <= directives(FILES["nginx.conf"])


def test_the_image_of_deploy_container_fits():
    """It has the user and the command of the pod, and does the same without the pod's ConfigMap."""
    image = directives((IMAGE / "Containerfile").read_text())
    assert "USER {runAsUser}:{runAsGroup}".format(**POD["securityContext"]) in image
    assert f"CMD {json.dumps(APPD['command'])}" in image
    assert directives((IMAGE / "appd.ini").read_text()) == directives(FILES["appd.ini"])


class Pod:
    """Both containers' commands on this machine: their volumes are folders, and everything else is read-only."""

    def __init__(self, installed, place, port):
        self.place, self.port = place, port
        self._binary = installed.binary
        place.folder("srv")
        place.write("srv/app.py", SITE)
        for name in VOLUMES:
            place.folder(name)
        for name, text in FILES.items():
            container = APPD if name == "appd.ini" else NGINX
            place.write(f"config/{name}", self._moved(container, text).replace("/srv/site", str(place / "srv")))
        self.user = POD["securityContext"]["runAsUser"]
        for each in [place.path, *place.path.rglob("*")]:
            os.chown(each, self.user, self.user)

    def command(self, container, words) -> list:
        moved = [self._moved(container, word) for word in words]
        return [str(self._binary) if moved[0] == "appd" else "/usr/sbin/nginx", *moved[1:]]

    def start(self, name) -> Process:
        command = self.command(CONTAINERS[name], CONTAINERS[name]["command"])
        return Process(name, ["unshare", "--mount", "sh", "-c", AS_IN_A_POD, self.place.path, self.user, *command],
                       self.place, as_root=True)

    def _moved(self, container, text) -> str:
        """With the folders of volumes, and the port, of this machine."""
        folders = {each["mountPath"]: str(self.place / each["name"]) for each in container["volumeMounts"]}
        mounted = re.compile(rf"(?<![\w/])({'|'.join(folders)})(?=/|\s|$)")
        text = mounted.sub(lambda found: folders[found[1]], text)
        return text.replace("listen 8080;", f"listen 127.0.0.1:{self.port.number};")


def ask(installed, pod, probe) -> int:
    """The exit code of a probe's command."""
    _, *arguments = pod.command(APPD, probe["exec"]["command"])
    return installed.run(*arguments, as_root=True).returncode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the file system read-only for a process")
def test_the_pod_serves_and_its_probes_tell(installed, place):
    port = Port()
    pod = Pod(installed, place, port)
    assert ask(installed, pod, APPD["livenessProbe"]) != 0
    appd = pod.start("appd")
    try:
        appd.wait_ready(lambda: ask(installed, pod, APPD["startupProbe"]) == 0)
        nginx = pod.start("nginx")
        try:
            nginx.wait_ready(port.accepts)
            reply = web.get(port.number, NGINX["readinessProbe"]["httpGet"]["path"])
            assert (reply.status, reply.body) == (200, b"example.test")
            assert ask(installed, pod, APPD["livenessProbe"]) == 0
            body = os.urandom(3_000_000)  # goes through the temporary folders of both
            assert web.request(port.number, "POST", "/", body=body).status == 200
        finally:
            assert nginx.stop() == 0
    finally:
        assert appd.stop() == 0
        port.release()
    assert "Read-only" not in appd.log() + nginx.log()
