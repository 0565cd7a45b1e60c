"""Several hosts: what deploy/cluster configures spreads requests, and loses none but those on a host that dies."""

import os
import socket
import time

import pytest

from cluster import FILES, Cluster, ClusterLoad
from fronts import CONFIGS
from processes import unique, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make networks")
NAMES = {"host1", "host2", "host3"}
LOST = {502, 503, 504, None}  # None: no answer


@pytest.fixture(scope="module")
def cluster(installed):
    made = Cluster(installed)
    yield made
    made.close()


@pytest.fixture(params=["haproxy", "nginx"])
def front(request, cluster):
    return cluster.fronts[request.param]


class Held:
    """A request that waits in the application of one host, and would in that of any other."""

    def __init__(self, cluster, front, method):
        name = unique("held")
        self._gates = {host: host.appd.gate(name) for host in cluster.hosts}
        self._client, self._method = front.client(), method
        self._client.send_request(method, f"/hold?{name}", body=b"x" if method == "POST" else None)
        self.host = wait_until(self._entered, "the request is on a host")
        self._own_gate = self._gates.pop(self.host)

    def _entered(self):
        return next((host for host, gate in self._gates.items() if gate.entered()), None)

    def repeated(self) -> bool:
        """Whether another host has got it too."""
        return self._entered() is not None

    def wait_repeated(self):
        """Waits until another host has it, and lets it go on there. Returns that host."""
        host = wait_until(self._entered, f"another host gets the {self._method}")
        self._gates[host].open()
        return host

    def release(self):
        """Lets the first host go on."""
        self._own_gate.open()

    def reply(self):
        with self._client:
            return self._client.read_reply(self._method)


def revive(load, host):
    host.start()
    load.wait_served_by(host.name)


def test_requests_are_spread_over_all_hosts(cluster, front):
    with ClusterLoad(front) as load:
        wait_until(lambda: set(load.bodies) == NAMES, "each host has answered")
        load.bodies.clear()
        load.wait_more(600)
    assert load.wrong == []
    assert min(load.bodies[name] for name in NAMES) > sum(load.bodies.values()) / 10, load.bodies


def test_a_host_that_is_busy_gets_no_more_while_others_are_not(cluster, front):
    held = [Held(cluster, front, "POST") for _ in range(2)]
    busy = {each.host.name for each in held}
    with front.client() as client:
        answered = {client.request("GET", "/").body.decode() for _ in range(10)}
    for each in held:
        each.release()
        assert each.reply().status == 200
    assert len(busy) == 2 and answered == NAMES - busy


def test_only_what_a_host_was_serving_is_lost_with_it_and_it_comes_back(cluster, front):
    with ClusterLoad(front) as load:
        load.wait_more(100)
        held = Held(cluster, front, "POST")
        held.host.kill()
        dead = time.monotonic()
        assert held.reply().status in LOST
        assert not held.repeated(), "a POST must not be done twice"
        load.wait_more(600)
        assert all(lost.method == "POST" and lost.status in LOST and lost.began < dead for lost in load.failures)
        assert len(load.wrong) == len(load.failures)
        lost = len(load.failures)
        revive(load, held.host)
        load.wait_more(100)
    assert len(load.wrong) == lost


def test_a_get_on_a_host_that_dies_is_answered_by_another_one(cluster, front):
    held = Held(cluster, front, "GET")
    held.host.kill()
    other = held.wait_repeated()
    reply = held.reply()
    assert (reply.status, reply.body) == (200, other.name.encode())
    with ClusterLoad(front) as load:
        revive(load, held.host)
    assert load.wrong == []


def test_a_reload_and_an_upgrade_of_each_host_lose_nothing(cluster, front):
    with ClusterLoad(front) as load:
        for host in cluster.hosts:
            load.wait_more(50)
            asked = host.appd.ask("reload")
            assert (asked.returncode, asked.stderr) == (0, "")
            load.wait_served_by(host.name)
            host.appd.upgrade()
            load.wait_served_by(host.name)
    assert load.wrong == []


def test_a_host_that_is_stopped_finishes_what_it_has_and_comes_back(cluster, front):
    host = cluster.hosts[0]
    with ClusterLoad(front) as load:
        load.wait_served_by(host.name)
        asked = host.appd.ask("stop")
        assert (asked.returncode, asked.stderr) == (0, "")
        load.wait_more(200)
        host.appd.stop()  # removes its folder
        revive(load, host)
    # A front may just be sending on a kept connection that ends. It repeats what may be done twice.
    assert len(load.wrong) == len(load.failures)
    assert all(lost.method == "POST" and lost.status in LOST for lost in load.failures)


def test_a_host_that_haproxy_takes_out_before_it_stops_loses_nothing(cluster):
    front, host = cluster.fronts["haproxy"], cluster.hosts[0]
    with ClusterLoad(front) as load:
        load.wait_served_by(host.name)
        front.set_state(host.name, "drain")
        assert host.appd.ask("stop").returncode == 0
        load.wait_more(200)
        host.appd.stop()  # removes its folder
        front.set_state(host.name, "ready")
        revive(load, host)
    assert load.wrong == []


def test_haproxy_gives_up_what_is_on_a_host_that_is_cut_off(cluster):
    front = cluster.fronts["haproxy"]
    with ClusterLoad(front) as load:
        held = Held(cluster, front, "POST")
        name = held.host.name
        found = front.count_said(name, "DOWN"), front.count_said(name, "UP")
        cluster.lan.pull(name)
        front.wait_said(name, "DOWN", found[0] + 1)
        noticed = time.monotonic()
        assert held.reply().status in LOST and not held.repeated()
        load.wait_each_connection()
        load.wait_more(600)
        cluster.lan.plug(name)
        held.release()
        front.wait_said(name, "UP", found[1] + 1)
        load.wait_served_by(name)
    assert len(load.wrong) == len(load.failures)
    assert all(lost.method == "POST" and lost.status in LOST and lost.began < noticed for lost in load.failures)


def test_nginx_goes_round_a_host_that_is_cut_off(cluster):
    """What that host has already waits for it, and is not lost if it comes back in time."""
    front = cluster.fronts["nginx"]
    noticed = front.count_disabled()
    with ClusterLoad(front) as load:
        load.wait_served_by("host2")
        cluster.lan.pull("host2")
        with ClusterLoad(front, connections=16) as more:  # more than nginx has kept connections to the host
            wait_until(lambda: front.count_disabled() > noticed, "nginx has noticed", within=20)
            more.wait_more(600)
            cluster.lan.plug("host2")
        load.wait_served_by("host2")
    assert load.wrong == more.wrong == []


def test_only_the_fronts_may_connect(cluster):
    """A neighbour is not among the `allow` lines."""
    host, neighbour = cluster.hosts[:2]
    with neighbour.network.entered():
        connection = socket.create_connection(("10.20.0.11", 9000), timeout=10)
    with connection:
        assert connection.recv(1) == b""
    assert host.appd.wait_event("connection.not_admitted", "10.20.0.12")


def test_a_cluster_names_the_host_to_the_application_as_one_machine_does():
    def mapping(path):
        return path.read_text().partition("map $http_host")[2].partition("}")[0]

    assert mapping(FILES / "nginx.conf") == mapping(CONFIGS / "nginx" / "appd-upstream.conf") != ""
