"""What GetContactStates costs as the contacts of a profile grow from 10 to 1,000, and while 1,000 people poll it."""

import re
import statistics
import time

from bench import HERE
from connectability import user_token
from pool import wait_for
from presence import ours, watch
from rounds import Load, line, run_rounds
from soap_call import envelope, soap

SIZES = (10, 100, 1000)
ASKERS = 16  # of each size; nobody waits for another one's session
FIRST = 5001
PARKED, PARKED_OWNER, PARKED_FIRST = 1000, 85, 2201
QUIET_SECONDS = 10


def question(version=None):
    since = f"<m:sinceVersion>{version}</m:sinceVersion>" if version else ""
    return f"<m:GetContactStates><m:profileId>main</m:profileId>{since}<m:waitSeconds>0</m:waitSeconds></m:GetContactStates>"


def prepare(bench, size, first):
    """People with that many wanted contacts (ten by the seed), connected. Answers the loads: full, and no news."""
    users = range(first, first + ASKERS)
    if size > 10:
        bench.database.run(
            "INSERT INTO contact_list (profile_id, kind, number, position) "
            "SELECT u.seq, 1, CONCAT('tel:+331', LPAD((u.seq + 99 + k.seq) % 10000 + 1, 8, '0')), 10 + k.seq "
            f"FROM seq_{first}_to_{first + ASKERS - 1} u JOIN seq_1_to_{size - 10} k")
    full, no_news = [], []
    for user in users:
        token = user_token(user)
        soap(bench.replica.url, "coordination", token,
             "<m:ConnectTerminal><m:terminalId>phone</m:terminalId><m:leaseSeconds>3600</m:leaseSeconds></m:ConnectTerminal>")
        answer = soap(bench.replica.url, "coordination", token, question())
        assert len(re.findall("<coord:contact>", answer)) == size, f"{user} does not see {size} contacts"
        version = re.search(r"version>(\d+)<", answer).group(1)
        assert "<coord:contact>" not in soap(bench.replica.url, "coordination", token, question(version))
        full.append((token, question()))
        no_news.append((token, question(version)))
    return [load(bench, f"{kind}_{size}", calls) for kind, calls in (("full", full), ("no_news", no_news))]


def load(bench, name, calls):
    file = bench.pool.folder / f"{name}.calls"
    file.write_text("".join(f"{token}\t{envelope('coordination', body)}\n" for token, body in calls))
    return Load([["wrk", "-t1", "-c8", f"-d{bench.args.seconds}s", "-s", str(HERE / "calls.lua"),
                  f"{bench.replica.url}/coordination", "--", str(file)]])


def growth(results, kind, bar, per_contact):
    """CPU of both a call, and what it is to that of the fewest contacts."""
    for size in SIZES:
        now, least = results[f"{kind}_{size}"], results[f"{kind}_{SIZES[0]}"]
        share = size / SIZES[0] if per_contact else 1
        ratio = statistics.median(a["both_cpu_us"] / share / b["both_cpu_us"] for a, b in zip(now, least))

        def median(key):
            return statistics.median(r[key] for r in now)
        yield line(f"{size:,} contacts, calls/s", f"{median('rate'):,.0f}")
        yield line("  CPU of server, us/call", f"{median('cpu_us'):,.0f}")
        yield line("  CPU of database, us/call", f"{median('db_cpu_us'):,.0f}")
        yield line(f"  both, us/{'contact' if per_contact else 'call'}",
                   f"{median('both_cpu_us') / (size if per_contact else 1):,.1f}", bar if size > SIZES[0] else "",
                   "with 10 contacts", f"{statistics.median(r['both_cpu_us'] for r in least) / (10 if per_contact else 1):,.1f}",
                   f"{ratio:.2f}")


# What the server has still to do of what it was told.
PENDING = """SELECT (SELECT COUNT(*) FROM delivery d JOIN queue q ON q.id = d.queue_id WHERE q.owner_kind = 3)
                  + (SELECT COUNT(*) FROM fanout) + (SELECT COUNT(*) FROM fanout_target)
                  + (SELECT COUNT(*) FROM contact_watch WHERE checked = 0)"""


def settle(bench):
    wait_for(lambda: int(bench.database.run(PENDING)) == 0, "end of what the server has to do")


def parked(bench):
    """1,000 polls in which nothing happens."""
    watch(bench, PARKED_OWNER, PARKED_FIRST, PARKED)
    program = bench.program(bench.replica)

    def clocks():
        metrics = bench.replica.metrics()
        return (metrics["whitebrick_database_statements_total"], program.cpu_us(), bench.database.cpu_us(), time.monotonic(),
                metrics["whitebrick_parked_polls"])

    def quiet():
        before = clocks()
        wait_for(lambda: time.monotonic() > before[3] + QUIET_SECONDS, "end of the quiet time")
        after = clocks()
        seconds = after[3] - before[3]
        assert before[4] == after[4], "polls came meanwhile"
        return [(a - b) / seconds for a, b in zip(after[:3], before[:3])], after[4]
    settle(bench)  # what connecting them has left to do
    without, none = quiet()
    polls = ours(bench, "states", PARKED_OWNER, PARKED_FIRST, PARKED, 1)
    settle(bench)
    wait_for(lambda: clocks()[4] == none + PARKED, "parking of all polls")
    with_polls, number = quiet()
    assert number - none == PARKED, f"{number} are parked"
    told = [polls.run() for _ in range(3)]
    polls.stop()
    yield line("statements/s", f"{with_polls[0]:,.0f}", "<= 60", "without polls", f"{without[0]:,.0f}")
    yield line("CPU of the server, % of a core", f"{with_polls[1] / 10_000:.1f}", "<= 5", "without polls",
               f"{without[1] / 10_000:.1f}")
    yield line("CPU of the database, % of a core", f"{with_polls[2] / 10_000:.1f}", "", "without polls",
               f"{without[2] / 10_000:.1f}")
    yield line("told of one change/s", f"{statistics.median(t['rate'] for t in told):,.0f}")
    yield line("last one told, ms", f"{statistics.median(t['p50_ms'] for t in told):,.0f}")


def measure(bench):
    """Sections of the table: (title, lines)."""
    program = bench.program(bench.replica)
    subjects = {}
    for number, size in enumerate(SIZES):
        full, no_news = prepare(bench, size, FIRST + 100 * number)
        subjects[f"full_{size}"] = (full, [program])
        subjects[f"no_news_{size}"] = (no_news, [program])
    results = run_rounds(bench.args.rounds, bench.database, subjects, warm=[full for full, _ in subjects.values()])
    yield ("GetContactStates, all states of all contacts", list(growth(results, "full", "<= 1.0", True)))
    yield ("GetContactStates since the last version, nothing new", list(growth(results, "no_news", "<= 1.2", False)))
    yield (f"{PARKED:,} polls of GetContactStates are parked, nothing happens; then one contact of all of them changes",
           list(parked(bench)))
