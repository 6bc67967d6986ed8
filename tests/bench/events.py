"""publish -> pull -> ack, one event and 100 at a time."""

from bench import BUILT
from rabbitmq import Rabbitmq
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


def cycle(port, batch, seconds, *options, lanes=None):
    return Load([[str(BUILT / "bench_client"), str(port), str(batch), str(lanes or LANES[batch]), str(seconds),
                  str(CONTENT_BYTES), *options]],
                {"BENCH_PUBLISHER": PUBLISHER, "BENCH_SUBSCRIBER": SUBSCRIBER})


def rabbitmq(port, mode, batch, seconds, lanes=None):
    return Load([[str(BUILT / "rabbitmq_client"), str(port), mode, str(batch), str(lanes or LANES[batch]), str(seconds),
                  str(CONTENT_BYTES)]])


def measure(bench):
    """Sections of the table: (title, lines)."""
    args, port = bench.args, bench.replica.port
    connect_services(bench.replica.url)
    echo = bench.peer("gsoap_events")
    broker = bench.keep(Rabbitmq(bench.pool.folder / "rabbitmq"))
    program = bench.program(bench.replica)
    for batch, lanes in LANES.items():
        subjects = {
            "ours": (cycle(port, batch, args.seconds), [program]),
            "gsoap_events": (cycle(echo.port, batch, args.seconds), [echo]),
            "rabbitmq push": (rabbitmq(broker.port, "push", batch, args.seconds), [broker]),
            "rabbitmq pull": (rabbitmq(broker.port, "pull", batch, args.seconds), [broker]),
            "ours with requestId": (cycle(port, batch, args.seconds, "request-ids"), [program]),
        }
        warm = [cycle(port, batch, 1), cycle(echo.port, batch, 1),
                *(rabbitmq(broker.port, mode, batch, 1) for mode in ("push", "pull"))]
        results = run_rounds(args.rounds, bench.database, subjects, warm)
        bars = {("rate", "rabbitmq push"): ">= 1.0", ("rate", "rabbitmq pull"): ">= 1.0"} if batch == 100 else {}
        yield (f"publish -> pull -> ack in batches of {batch}, {lanes} at once, {CONTENT_BYTES} bytes each. Ours: durable, "
               "Bearer tokens of two services; gsoap_events: in memory, authenticates nobody; RabbitMQ: quorum queues, "
               f"confirmed, {batch} unconfirmed in each lane",
               list(table("event", results, "ours", [name for name in subjects if name != "ours"], bars)))
    results = run_rounds(args.rounds, bench.database, {
        "ours": (cycle(port, 100, args.seconds, "apart", lanes=1), [program]),
        "rabbitmq push": (rabbitmq(broker.port, "push", 100, args.seconds, lanes=1), [broker]),
    }, warm=[cycle(port, 100, 1, "apart", lanes=1)])
    yield ("The same through one subscription, published and pulled at the same time; RabbitMQ: one queue, 100 unconfirmed",
           list(table("event", results, "ours", ["rabbitmq push"], {("rate", "rabbitmq push"): ">= 1.0"})))
    broker.stop()
