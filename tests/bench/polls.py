"""10,000 parked polls through HAProxy: what they cost while nothing happens, and how fast one of them is answered."""

import json
import time

from one_at_a_time import GAP_MS, lines, lost_line
from parked import Balancer, connect_services, end, park, prepare
from pool import wait_for
from rounds import line

WAIT_SECONDS = 50
QUIET_SECONDS = 12


def options(parser):
    parser.add_argument("--polls", type=int, default=10000)
    parser.add_argument("--hold", type=int, default=0, help="seconds to keep the polls; default: until each came again")


class Clocks:
    """What replicas and database have done until now."""

    def __init__(self, bench):
        self.at = time.monotonic()
        self.cpu_us = sum(p.cpu_us() for p in bench.programs)
        self.database_cpu_us = bench.database.cpu_us()
        metrics = [r.metrics() for r in bench.pool.replicas]
        self.statements = sum(m["whitebrick_database_statements_total"] for m in metrics)
        self.requests = sum(m["whitebrick_http_requests_total"] for m in metrics)
        self.parked = sum(m["whitebrick_parked_polls"] for m in metrics)

    def since(self, other):
        seconds = self.at - other.at
        return {"share": (self.cpu_us - other.cpu_us) / seconds / 10_000,
                "database_share": (self.database_cpu_us - other.database_cpu_us) / seconds / 10_000,
                "statements": (self.statements - other.statements) / seconds / 2,
                "arrived": self.requests - other.requests, "cpu_us": self.cpu_us - other.cpu_us,
                "all_statements": self.statements - other.statements, "seconds": seconds}


def measure(bench):
    number = bench.args.polls
    prepare(bench)
    bench.programs = [bench.program(r) for r in bench.pool.replicas]
    ports = [Balancer(bench, r).port for r in (bench.other, bench.replica)]
    end(bench, park(bench, ports, 50))  # threads, connections of the database, statements
    memory = sum(p.rss_mib() for p in bench.programs)
    begun = time.monotonic()
    first, second = park(bench, ports, number // 2)
    parking = time.monotonic() - begun
    before = Clocks(bench)
    wait_for(lambda: time.monotonic() > before.at + QUIET_SECONDS, "end of the quiet time")
    quiet = Clocks(bench)
    grown = (sum(p.rss_mib() for p in bench.programs) - memory) * 1024 / number
    idle = quiet.since(before)
    # Not a poll came in this time, or it would not be the cost of waiting.
    assert idle["arrived"] == 0 and quiet.parked == number, f"polls came meanwhile: {idle}, {quiet.parked} parked"

    connect_services(bench.replica.url)
    first.publish(50, GAP_MS)
    found = [*lines(first.publish(bench.args.events, GAP_MS), f"{number:,} polls"),
             lost_line(bench, first, f"{number:,} polls")]

    hold = max(bench.args.hold, WAIT_SECONDS + 2)
    start = Clocks(bench)
    for polls in (first, second):
        polls.order(f"hold {hold}")
    answers = [json.loads(polls.line()) for polls in (first, second)]
    whole = Clocks(bench).since(start)
    end(bench, (first, second))
    answered = sum(a["answered"] for a in answers)
    per_poll = (whole["cpu_us"] - idle["share"] * 10_000 * whole["seconds"]) / answered
    yield (f"{number:,} parked polls of {WAIT_SECONDS} s, half of them at each of two replicas, each behind HAProxy; "
           f"parked in {parking:.0f} s, kept for {time.monotonic() - begun:.0f} s",
           [line("memory of the replicas, KiB a poll", f"{grown:.1f}", "<= 16"),
            line("CPU of both replicas, % of a core", f"{idle['share']:.1f}", "<= 5"),
            line("CPU of the database, % of a core", f"{idle['database_share']:.1f}"),
            line("statements/s of a replica", f"{idle['statements']:.0f}", "<= 60"),
            line("CPU of a poll that comes, us", f"{per_poll:.0f}"),
            line("statements of a poll that comes", f"{whole['all_statements'] / answered:.1f}"),
            line("CPU with polls that come, % of a core", f"{whole['share']:.1f}"),
            line("answered meanwhile", f"{answered:,}"),
            line("dropped", "0", "0"),  # or poll_client had ended
            line("refused and repeated", f"{sum(a['repeated'] for a in answers):,}"),
            line("answered after, s", f"{min(a['shortest_s'] for a in answers)}-{max(a['longest_s'] for a in answers)}"),
            *found])
    bench.other.stop()
