"""Starts the database, the replicas and the peers, measures them in alternating rounds, prints the table."""

import argparse
import random
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from processes import MariaDb, Peer, Program
from rounds import Load, print_table, run_rounds, table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))
from pool import Pool  # noqa: E402

HERE = Path(__file__).resolve().parent
BUILT = ROOT / "build/bench"
FOLDER = ROOT / "run/bench"
SCHEMA = "whitebrick"
CONNECTIONS = 16
LANES = {1: 16, 100: 4}  # batch -> lanes side by side
CONTENT_BYTES = 200
PUBLISHER = "bench-publisher-0123456789abcdefghijklmnopq"
SUBSCRIBER = "bench-subscriber-0123456789abcdefghijklmnopq"


def soap(url, module, token, body):
    text = (f'<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
            f'xmlns:c="urn:whitebrick:common:1" xmlns:m="urn:whitebrick:{module}:1"><e:Body>{body}</e:Body></e:Envelope>')
    request = urllib.request.Request(f"{url}/{module}", text.encode(), {
        "Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as e:
        raise SystemExit(f"{url}: {body[:60]}...: {e.read().decode()}") from None


def states(url, asker, contacts):
    body = "".join(f"<m:contact>tel:+331{n:08d}</m:contact>" for n in contacts)
    answer = soap(url, "coordination", f"bench-user-{asker:08d}-0123456789abcdefghijkl",
                  f"<m:GetConnectability>{body}</m:GetConnectability>")
    found = re.findall(r"contact>tel:\+331(\d{8})</[^>]*>\s*<[^>]*state>(\w+)<", answer)
    assert [int(n) for n, _ in found] == contacts, f"{url}: not the contacts that were asked for: {answer}"
    return [state for _, state in found]


def check_same_answers(ours, peer):
    """A peer that answers something else would be no peer. All five states must occur."""
    seen = set()
    numbers = random.Random(1)
    for _ in range(40):
        asker = numbers.randint(1, 100) * 97
        contacts = [(asker - 1 - k) % 10000 + 1 for k in range(0, 15)] + [numbers.randint(1, 10000) for _ in range(5)]
        mine, theirs = states(ours, asker, contacts), states(peer, asker, contacts)
        different = [x for x in zip(contacts, mine, theirs) if x[1] != x[2]]
        assert not different, f"user {asker} is told differently by us and gsoap_db: {different}"
        seen.update(mine)
    assert len(seen) == 5, f"only {seen} occur"
    print("answers of Whitebrick and gsoap_db compared: 800 states, the same", flush=True)


def connect_services(url):
    """A publisher that declares one type per lane, and a subscriber with one subscription per lane."""
    for name, token in (("publisher", PUBLISHER), ("subscriber", SUBSCRIBER)):
        soap(url, "directory", token, "<m:RegisterService><m:name>%s</m:name><m:provider>bench</m:provider>"
             "</m:RegisterService>" % name)
    lanes = range(max(LANES.values()))
    declare = "".join(f"<m:declare><c:type>bench.lane{n}</c:type></m:declare>" for n in lanes)
    subscribe = "".join(f"<m:subscribe><c:name>lane{n}</c:name><c:type>bench.lane{n}</c:type></m:subscribe>"
                        for n in lanes)
    soap(url, "directory", PUBLISHER, f"<m:ConnectService>{declare}</m:ConnectService>")
    soap(url, "directory", SUBSCRIBER, f"<m:ConnectService>{subscribe}</m:ConnectService>")


def wrk(ports, seconds):
    """One wrk per port; the connections are shared out."""
    each = str(CONNECTIONS // len(ports))
    return Load([["wrk", "-t1", "-c" + each, f"-d{seconds}s", "-s", str(HERE / "query.lua"),
                  f"http://127.0.0.1:{port}/coordination"] for port in ports])


def cycle(port, batch, seconds, *options):
    return Load([[str(BUILT / "bench_client"), str(port), str(batch), str(LANES[batch]), str(seconds),
                  str(CONTENT_BYTES), *options]],
                {"BENCH_PUBLISHER": PUBLISHER, "BENCH_SUBSCRIBER": SUBSCRIBER})


def measure_connectability(args, pool, database, peers):
    """Sections of the table: (title, lines)."""
    replica, other = pool.replicas
    echo = peers("gsoap_echo")
    five = peers("gsoap_db", str(pool.database_socket), SCHEMA, "five")
    two = peers("gsoap_db", str(pool.database_socket), SCHEMA, "two")
    check_same_answers(replica.url, five.url)
    other.start()
    programs = [Program(r.name, r.process.pid) for r in (replica, other)]
    subjects = {"ours": ([replica.port], programs[:1]), "gsoap_echo": ([echo.port], [echo]),
                "gsoap_db": ([five.port], [five]), "gsoap_db, 2 tables": ([two.port], [two]),
                "ours, 2 replicas": ([replica.port, other.port], programs)}
    results = run_rounds(args.rounds, database, {name: (wrk(ports, args.seconds), used)
                                                 for name, (ports, used) in subjects.items()},
                         warm=[wrk(ports, 1) for ports, _ in subjects.values()])
    other.stop()
    bars = {("rate", "gsoap_db"): ">= 1.2", ("cpu_us", "gsoap_echo"): "<= 1.5", ("rss_mib", None): "<= 64 MiB"}
    yield (f"GetConnectability of 20 contacts, {CONNECTIONS} connections. Ours: Bearer tokens of 100 users; "
           "peers authenticate nobody",
           list(table("call", results, "ours", ["gsoap_echo", "gsoap_db", "gsoap_db, 2 tables"], bars)))
    yield ("The same shared out over two replicas, beside one",
           list(table("call", results, "ours, 2 replicas", ["ours"], {})))


def measure_events(args, pool, database, peers):
    replica = pool.replicas[0]
    connect_services(replica.url)
    echo = peers("gsoap_events")
    program = Program(replica.name, replica.process.pid)
    for batch, lanes in LANES.items():
        results = run_rounds(args.rounds, database, {
            "ours": (cycle(replica.port, batch, args.seconds), [program]),
            "gsoap_events": (cycle(echo.port, batch, args.seconds), [echo]),
            "ours with requestId": (cycle(replica.port, batch, args.seconds, "request-ids"), [program]),
        }, warm=[cycle(replica.port, batch, 1), cycle(echo.port, batch, 1)])
        yield (f"publish -> pull -> ack in batches of {batch}, {lanes} at once, latency of the whole cycle. Ours: durable, "
               "Bearer tokens of two services; gsoap_events: in memory, authenticates nobody",
               list(table("event", results, "ours", ["gsoap_events", "ours with requestId"], {})))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement in a round")
    parser.add_argument("--only", choices=("connectability", "events"))
    parser.add_argument("--keep", action="store_true", help="leave the database and the replica running")
    args = parser.parse_args()
    started = time.monotonic()
    pool = Pool(FOLDER, ROOT / "build/release/server/whitebrick", replicas=2)
    pool.stop()  # of a run that was killed
    shutil.rmtree(FOLDER)
    pool = Pool(FOLDER, pool.program, replicas=2)
    running = []

    def peers(name, *arguments):
        running.append(Peer(name, BUILT / name, *arguments))
        return running[-1]

    try:
        pool.start_database()
        database = MariaDb(pool.database_pid, pool.database_socket, SCHEMA)
        database.run_script(HERE / "seed.sql")
        replica = pool.replicas[0]
        replica.start()
        print(f"10,000 people seeded, replica ready ({time.monotonic() - started:.0f} s)", flush=True)
        sections = []
        if args.only != "events":
            sections += measure_connectability(args, pool, database, peers)
        if args.only != "connectability":
            sections += measure_events(args, pool, database, peers)
        print_table(sections)
        print(f"\n{args.rounds} rounds of {args.seconds} s each, medians; {time.monotonic() - started:.0f} s in all")
        if args.keep:
            print(f"left running: {replica.url}, database socket {pool.database_socket}")
    finally:
        for peer in running:
            peer.stop()
        if not args.keep:
            pool.stop()


if __name__ == "__main__":
    main()
