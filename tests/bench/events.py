"""publish -> pull -> ack, one event and 100 at a time."""

from bench import BUILT
from rounds import Load, run_rounds, table
from soap_call import soap

LANES = {1: 16, 100: 4}  # batch -> lanes side by side
CONTENT_BYTES = 200
PUBLISHER = "bench-publisher-0123456789abcdefghijklmnopq"
SUBSCRIBER = "bench-subscriber-0123456789abcdefghijklmnopq"


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


def cycle(port, batch, seconds, *options):
    return Load([[str(BUILT / "bench_client"), str(port), str(batch), str(LANES[batch]), str(seconds),
                  str(CONTENT_BYTES), *options]],
                {"BENCH_PUBLISHER": PUBLISHER, "BENCH_SUBSCRIBER": SUBSCRIBER})


def measure(bench):
    """Sections of the table: (title, lines)."""
    args, port = bench.args, bench.replica.port
    connect_services(bench.replica.url)
    echo = bench.peer("gsoap_events")
    program = bench.program(bench.replica)
    for batch, lanes in LANES.items():
        results = run_rounds(args.rounds, bench.database, {
            "ours": (cycle(port, batch, args.seconds), [program]),
            "gsoap_events": (cycle(echo.port, batch, args.seconds), [echo]),
            "ours with requestId": (cycle(port, batch, args.seconds, "request-ids"), [program]),
        }, warm=[cycle(port, batch, 1), cycle(echo.port, batch, 1)])
        yield (f"publish -> pull -> ack in batches of {batch}, {lanes} at once, latency of the whole cycle. Ours: durable, "
               "Bearer tokens of two services; gsoap_events: in memory, authenticates nobody",
               list(table("event", results, "ours", ["gsoap_events", "ours with requestId"], {})))
