"""GetConnectability of 20 contacts beside plain gSOAP servers."""

import random
import re

from bench import HERE, SCHEMA
from rounds import Load, run_rounds, table
from soap_call import soap

CONNECTIONS = 16


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


def wrk(ports, seconds):
    """One wrk per port; the connections are shared out."""
    each = str(CONNECTIONS // len(ports))
    return Load([["wrk", "-t1", "-c" + each, f"-d{seconds}s", "-s", str(HERE / "query.lua"),
                  f"http://127.0.0.1:{port}/coordination"] for port in ports])


def measure(bench):
    """Sections of the table: (title, lines)."""
    args, replica, other, socket = bench.args, bench.replica, bench.other, str(bench.pool.database_socket)
    echo = bench.peer("gsoap_echo")
    five = bench.peer("gsoap_db", socket, SCHEMA, "five")
    two = bench.peer("gsoap_db", socket, SCHEMA, "two")
    check_same_answers(replica.url, five.url)
    other.start()
    programs = [bench.program(replica), bench.program(other)]
    subjects = {"ours": ([replica.port], programs[:1]), "gsoap_echo": ([echo.port], [echo]),
                "gsoap_db": ([five.port], [five]), "gsoap_db, 2 tables": ([two.port], [two]),
                "ours, 2 replicas": ([replica.port, other.port], programs)}
    results = run_rounds(args.rounds, bench.database, {name: (wrk(ports, args.seconds), used)
                                                       for name, (ports, used) in subjects.items()},
                         warm=[wrk(ports, 1) for ports, _ in subjects.values()])
    other.stop()
    bars = {("rate", "gsoap_db"): ">= 1.2", ("cpu_us", "gsoap_echo"): "<= 1.5", ("rss_mib", None): "<= 64 MiB"}
    yield (f"GetConnectability of 20 contacts, {CONNECTIONS} connections. Ours: Bearer tokens of 100 users; "
           "peers authenticate nobody",
           list(table("call", results, "ours", ["gsoap_echo", "gsoap_db", "gsoap_db, 2 tables"], bars)))
    yield ("The same shared out over two replicas, beside one",
           list(table("call", results, "ours, 2 replicas", ["ours"], {})))
