"""One event at a time: PublishEvents at one replica, the parked poll at the other is answered."""

from parked import LostDatagrams, end, park, prepare
from rounds import line

POLLS = 50
EVENTS = 300
EVENTS_LOST = 15
GAP_MS = 5
BARS = (("p50_ms", "p50, ms", "<= 5"), ("p99_ms", "p99, ms", "<= 30"))


def options(parser):
    parser.add_argument("--events", type=int, default=EVENTS, help="published one at a time")


def lines(result, what):
    for key, label, bar in BARS:
        yield line(f"{label}, {what}", f"{result[key]:.1f}", bar)


def lost_line(bench, polls, what):
    with LostDatagrams(bench):
        result = polls.publish(EVENTS_LOST, GAP_MS)
    assert result["p50_ms"] > 20, f"the datagrams were not lost: {result}"
    return line(f"longest, ms, {what}, datagrams lost", f"{result['max_ms']:.0f}", "<= 2000")


def measure(bench):
    prepare(bench)
    polls = park(bench, [bench.other.port], POLLS)[0]
    polls.publish(50, GAP_MS)  # warm
    found = list(lines(polls.publish(bench.args.events, GAP_MS), f"{POLLS} polls"))
    found.append(lost_line(bench, polls, f"{POLLS} polls"))
    end(bench, [polls])
    yield ("One event at a time for one of the polls, published at one replica, parked at the other: from the call of "
           "PublishEvents to the poll's answer", found)
    bench.other.stop()
