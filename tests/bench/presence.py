"""One mode change seen by 100 and by 1,000 watching contacts, beside SIP presence (Kamailio)."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from bench import BUILT
from connectability import user_token
from kamailio import DATABASE, WRITE_BACK, Kamailio
from rounds import run_rounds, table
from soap_call import soap

CHANGES = {100: 40, 1000: 5}  # watchers -> changes in a round
# Connected people without a mode, whom everybody may see, and the first of those who watch them.
OWNERS = {100: (15, 101), 1000: (45, 201)}
STATES_OWNERS = {100: (105, 3201), 1000: (165, 3301)}
PORTAL_OWNER, PORTAL_FIRST = 65, 1201
PORTAL = "bench-portal-0123456789abcdefghijklmnopq"


class Watchers:
    """A load client that goes on running: its watchers are there before the clocks are read."""

    def __init__(self, command, order, env=None):
        self.order = order
        self.child = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, **(env or {})})
        self._line("READY")

    def _line(self, beginning):
        line = self.child.stdout.readline()
        if not line.startswith(beginning):
            raise SystemExit(f"{self.child.args} failed: {line}")
        return line

    def run(self):
        self.child.stdin.write(self.order + "\n")
        self.child.stdin.flush()
        return json.loads(self._line("{"))

    def stop(self):
        self.child.stdin.close()
        self.child.wait()


def watch(bench, owner, first, number, via=None):
    """Each of `number` people from `first` wants to know of the owner, and connects his telephone."""
    bench.database.run("INSERT INTO contact_list (profile_id, kind, number, position) "
                       f"SELECT seq, 1, 'tel:+331{owner:08d}', 11 FROM seq_{first}_to_{first + number - 1}")

    def connect(user):
        token = f"<m:userToken>{user_token(user)}</m:userToken>" if via else ""
        soap(bench.replica.url, "coordination", via or user_token(user),
             f"<m:ConnectTerminal>{token}<m:terminalId>phone</m:terminalId><m:leaseSeconds>3600</m:leaseSeconds>"
             "</m:ConnectTerminal>")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(connect, range(first, first + number)))


def add_portal(bench):
    bench.database.run(
        "INSERT INTO account (name, role, user_id, password_hash, created_at) "
        "VALUES ('bench-portal', 4, NULL, '!', UTC_TIMESTAMP(6)); "
        "INSERT INTO token (hash, account_id, account_version, created_at, expires_at) "
        f"SELECT UNHEX(SHA2('{PORTAL}', 256)), id, 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL 1 DAY "
        "FROM account WHERE name = 'bench-portal'")
    url = bench.replica.url
    soap(url, "directory", PORTAL,
         "<m:RegisterService><m:name>portal</m:name><m:provider>bench</m:provider></m:RegisterService>")
    soap(url, "directory", PORTAL, "<m:ConnectService><m:leaseSeconds>3600</m:leaseSeconds></m:ConnectService>")


def ours(bench, kind, owner, first, number, changes):
    return Watchers([BUILT / "watch_client", kind, bench.replica.port, owner, first, number], str(changes),
                    {"BENCH_PORTAL": PORTAL})


def measure(bench):
    """Sections of the table: (title, lines)."""
    program = bench.program(bench.replica)
    add_portal(bench)
    watch(bench, PORTAL_OWNER, PORTAL_FIRST, 1000, PORTAL)
    for number, changes in CHANGES.items():
        owner, first = OWNERS[number]
        watch(bench, owner, first, number)
        states_owner, states_first = STATES_OWNERS[number]
        watch(bench, states_owner, states_first, number)
        servers = {name: bench.keep(Kamailio(name, bench.pool.folder / f"{folder}_{number}", bench.database,
                                             bench.pool.database_socket, storage))
                   for name, folder, storage in (("kamailio", "database", DATABASE),
                                                 ("kamailio, write-back", "write_back", WRITE_BACK))}
        subjects = {"ours": (ours(bench, "terminals", owner, first, number, changes), [program])}
        for name, server in servers.items():
            subjects[name] = (Watchers([BUILT / "presence_client", server.port, number], f"{changes} 1"), [server])
        subjects["ours, by states"] = (ours(bench, "states", states_owner, states_first, number, changes), [program])
        if number == 1000:
            subjects["ours, portal"] = (ours(bench, "portal", PORTAL_OWNER, PORTAL_FIRST, number, changes), [program])
        results = run_rounds(bench.args.rounds, bench.database, subjects, warm=[load for load, _ in subjects.values()])
        for load, _ in subjects.values():
            load.stop()
        for server in servers.values():
            server.stop()
        bars = {("rate", "kamailio"): ">= 1.0"}
        if number == 100:
            bars["p99_ms", None] = "<= 100 ms"
        names = [name for name in subjects if name != "ours"]
        yield (f"One mode change told to {number:,} contacts who watch, one change after the other; latency: to the last one "
               "told. Ours: each pulls the events of his own terminal and acknowledges; Kamailio: SIP over UDP, a NOTIFY and a 200 "
               "each, nobody authenticated", list(table("notice", results, "ours", names, bars)))
