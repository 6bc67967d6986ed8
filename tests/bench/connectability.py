"""GetConnectability of 20 contacts beside plain gSOAP servers, JAX-WS and PHP; and while people change modes."""

import random
import re
import threading
import time

from bench import HERE, SCHEMA
from rounds import Load, run_rounds, table
from soap_call import soap
from web_peers import jaxws, php

CONNECTIONS = 16
CHANGES = 50  # a second, while people change modes
ORDERING = 4  # at the same time: an order waits for the disk
OWNERS = range(1, 10001, 5)  # who change theirs; everybody may see them


def user_token(user):
    return f"bench-user-{user:08d}-0123456789abcdefghijkl"


def states(url, asker, contacts):
    body = "".join(f"<m:contact>tel:+331{n:08d}</m:contact>" for n in contacts)
    answer = soap(url, "coordination", user_token(asker), f"<m:GetConnectability>{body}</m:GetConnectability>")
    found = re.findall(r"contact>tel:\+331(\d{8})</[^>]*>\s*<[^>]*state>(\w+)<", answer)
    assert [int(n) for n, _ in found] == contacts, f"{url}: not the contacts that were asked for: {answer}"
    return [state for _, state in found]


def check_same_answers(ours, peers):
    """A peer that answers something else would be no peer. All five states must occur."""
    seen = set()
    numbers = random.Random(1)
    for _ in range(40):
        asker = numbers.randint(1, 100) * 97
        contacts = [(asker - 1 - k) % 10000 + 1 for k in range(0, 15)] + [numbers.randint(1, 10000) for _ in range(5)]
        mine = states(ours, asker, contacts)
        seen.update(mine)
        for peer in peers:
            different = [x for x in zip(contacts, mine, states(peer.url, asker, contacts)) if x[1] != x[2]]
            assert not different, f"user {asker} is told differently by us and {peer.name}: {different}"
    assert len(seen) == 5, f"only {seen} occur"
    names = ", ".join(peer.name for peer in peers)
    print(f"answers of Whitebrick compared with those of {names}: 800 states each, the same", flush=True)


class Wrk(Load):
    """One wrk per port; the connections are shared out."""

    def __init__(self, ports, seconds):
        each = str(CONNECTIONS // len(ports))
        super().__init__([["wrk", "-t1", "-c" + each, f"-d{seconds}s", "-s", str(HERE / "query.lua"),
                           f"http://127.0.0.1:{port}/coordination"] for port in ports])


class NewQuestions(Wrk):
    """Nothing is asked twice, so that nothing of it can be remembered."""

    def __init__(self, ports, seconds):
        super().__init__(ports, seconds)
        self.repeating = self.commands
        self.runs = 0

    def run(self):
        self.runs += 1
        self.commands = [[*command, "--", "new", str(self.runs)] for command in self.repeating]
        return super().run()


class WhileModesChange(Wrk):
    """The same load while 50 times a second somebody orders another mode; CPU per call has the orders in it."""

    def __init__(self, port, seconds):
        super().__init__([port], seconds)
        self.url = f"http://127.0.0.1:{port}"
        self.orders = []  # how many, of each who orders, in each run

    def _change(self, seed, over):
        numbers = random.Random(seed)
        begun, done = time.monotonic(), 0
        while not over.is_set():
            owner = numbers.choice(OWNERS)
            soap(self.url, "availability", user_token(owner), "<m:ActivateMode><m:profileId>main</m:profileId>"
                 f"<m:level>{numbers.choice(('AVAILABLE', 'NOT_AVAILABLE'))}</m:level></m:ActivateMode>")
            done += 1
            over.wait(max(0.0, begun + done * ORDERING / CHANGES - time.monotonic()))
        self.orders.append(done)

    def run(self):
        over = threading.Event()
        changing = [threading.Thread(target=self._change, args=(seed, over)) for seed in range(ORDERING)]
        for thread in changing:
            thread.start()
        try:
            return super().run()
        finally:
            over.set()
            for thread in changing:
                thread.join()


def measure(bench):
    """Sections of the table: (title, lines)."""
    args, replica, other, socket = bench.args, bench.replica, bench.other, str(bench.pool.database_socket)
    echo = bench.peer("gsoap_echo")
    five = bench.peer("gsoap_db", socket, SCHEMA, "five")
    two = bench.peer("gsoap_db", socket, SCHEMA, "two")
    java = bench.keep(jaxws("jaxws", bench.pool.folder / "jaxws", socket, "five"))
    java_two = bench.keep(jaxws("jaxws, 2 tables", bench.pool.folder / "jaxws2", socket, "two"))
    web = bench.keep(php(bench.pool.folder / "php", socket))
    check_same_answers(replica.url, [five, java, web])
    other.start()
    programs = [bench.program(replica), bench.program(other)]
    subjects = {"ours": ([replica.port], programs[:1]), "gsoap_echo": ([echo.port], [echo]),
                "gsoap_db": ([five.port], [five]), "gsoap_db, 2 tables": ([two.port], [two]),
                "jaxws": ([java.port], [java]), "jaxws, 2 tables": ([java_two.port], [java_two]),
                "php": ([web.port], [web]),
                "ours, 2 replicas": ([replica.port, other.port], programs)}
    loads = {name: (Wrk(ports, args.seconds), used) for name, (ports, used) in subjects.items()}
    changing = WhileModesChange(replica.port, args.seconds)
    loads["ours, changing"] = (changing, programs[:1])
    loads["ours, new"] = (NewQuestions([replica.port], args.seconds), programs[:1])
    loads["gsoap_db, new"] = (NewQuestions([five.port], args.seconds), [five])
    warm = [Wrk(ports, 1) for ports, _ in subjects.values()]
    warm += [Wrk([peer.port], args.warm_jvm) for peer in (java, java_two)]
    results = run_rounds(args.rounds, bench.database, loads, warm)
    other.stop()
    for peer in (java, java_two, web):
        peer.stop()
    bars = {("rate", "gsoap_db"): ">= 1.2", ("rate", "jaxws"): ">= 1.3", ("rate", "php"): ">= 2.5",
            ("cpu_us", "gsoap_echo"): "<= 1.5", ("rss_mib", None): "<= 64 MiB"}
    names = ["gsoap_echo", "gsoap_db", "gsoap_db, 2 tables", "jaxws", "jaxws, 2 tables", "php"]
    yield (f"GetConnectability of 20 contacts, {CONNECTIONS} connections. Ours: Bearer tokens of 100 users; "
           "peers authenticate nobody", list(table("call", results, "ours", names, bars)))
    yield ("The same, no question asked twice: nothing of the answers can be remembered",
           list(table("call", results, "ours, new", ["gsoap_db, new", "ours"], {("rate", "gsoap_db, new"): ">= 1.2"})))
    orders = sum(changing.orders) / (args.rounds * args.seconds)
    yield (f"The same while people change their modes ({orders:.0f} changes a second), beside quiet times",
           list(table("call", results, "ours, changing", ["ours"], {})))
    yield ("The same shared out over two replicas, beside one",
           list(table("call", results, "ours, 2 replicas", ["ours"], {})))


def options(parser):
    parser.add_argument("--warm-jvm", type=int, default=30, metavar="SECONDS", help="of load before JAX-WS is measured")
