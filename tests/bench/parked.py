"""Parked polls of many terminals: one client and, if wished, one balancer per replica."""

import json
import os
import shutil
import string
import subprocess
from pathlib import Path

from bench import BUILT, HERE, ROOT
from events import PUBLISHER, connect_services
from pool import Process, free_port, status_of, wait_for

PER_BALANCER = 9000  # HAProxy needs two files for each, of 20,000


class Balancer:
    """HAProxy with deploy/haproxy.cfg before one replica: a process of its own has files enough."""

    def __init__(self, bench, replica):
        self.port = free_port()
        folder = Path(bench.pool.folder) / f"balancer-{replica.name}"
        folder.mkdir(exist_ok=True)
        config = string.Template((ROOT / "deploy/haproxy.cfg").read_text()).substitute(
            maxconn=PER_BALANCER, folder=folder, front=f"127.0.0.1:{self.port}",
            servers=f"  server {replica.name} 127.0.0.1:{replica.port} check port {replica.admin_port}")
        (folder / "haproxy.cfg").write_text(config)
        self.process = Process(folder / "pid", folder / "log", "haproxy")
        self.process.start([shutil.which("haproxy") or "/usr/sbin/haproxy", "-f", str(folder / "haproxy.cfg"), "-db"])
        bench.keep(self)
        wait_for(lambda: status_of(f"http://127.0.0.1:{self.port}/live") == 200, "answer of the balancer")

    def stop(self):
        self.process.stop()


class ParkedPolls:
    """poll_client: polls that are kept until stop()."""

    def __init__(self, bench, polls_port, first, count):
        self.child = subprocess.Popen(
            [str(BUILT / "poll_client"), str(polls_port), str(bench.replica.port), str(first), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "BENCH_PUBLISHER": PUBLISHER})
        bench.keep(self)

    def line(self):
        line = self.child.stdout.readline().strip()
        if not line:
            raise SystemExit("poll_client failed")
        return line

    def order(self, text):
        self.child.stdin.write(text + "\n")
        self.child.stdin.flush()

    def publish(self, count, gap_ms):
        self.order(f"publish {count} {gap_ms}")
        return json.loads(self.line())

    def stop(self):
        if self.child.poll() is None:
            self.child.stdin.close()
            self.child.kill()
            self.child.wait()


def prepare(bench):
    """The terminals, the publisher and replica `other`, once in a run."""
    if not getattr(bench, "has_parked", False):
        bench.database.run_script(HERE / "parked.sql")
        bench.has_parked = True
    bench.other.start()
    connect_services(bench.replica.url)


def parked(bench):
    return sum(r.metrics()["whitebrick_parked_polls"] for r in bench.pool.replicas)


def park(bench, ports, each):
    """`each` polls at each port; answers when the replicas have them all, and no others."""
    polls = [ParkedPolls(bench, port, 1 + i * each, each) for i, port in enumerate(ports)]
    for one in polls:
        assert one.line() == "READY"
    wait_for(lambda: parked(bench) == each * len(ports), "parking of all polls")
    return polls


def end(bench, polls):
    for one in polls:
        one.stop()
    wait_for(lambda: parked(bench) == 0, "end of all polls")


class LostDatagrams:
    """While it lasts, replicas tell each other addresses where nobody listens: every datagram is lost."""

    def __init__(self, bench):
        self.database = bench.database

    def __enter__(self):
        for when in ("INSERT", "UPDATE"):
            self.database.run(f"CREATE TRIGGER lose_{when.lower()} BEFORE {when} ON replica FOR EACH ROW SET NEW.port = 9")
        # Each replica writes its own address and then reads those of the others.
        wait_for(lambda: not self.database.run("SELECT name FROM replica WHERE port <> 9"), "change of the addresses")
        then = self.database.run("SELECT UTC_TIMESTAMP(6)").strip()
        wait_for(lambda: not self.database.run(f"SELECT name FROM replica WHERE seen_at <= '{then}'"), "next beat")

    def __exit__(self, *_):
        for when in ("insert", "update"):
            self.database.run(f"DROP TRIGGER lose_{when}")
