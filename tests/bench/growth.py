"""Publishing, pulling and the log with millions of events, beside a second pool with 10,000."""

import copy
import re
import time
from pathlib import Path

from bench import HERE, Bench
from events import PUBLISHER, connect_services, cycle
from pool import wait_for
from rounds import Load, line, run_rounds, table

FEW = 10_000
PIECE = 250_000
PENDING = 10  # one of so many waits for somebody else
DAYS = 20  # that the log goes back
BARS = {("rate", "ours, 10,000 events"): ">= 0.83", ("both_cpu_us", "ours, 10,000 events"): "<= 1.2"}
ANYWHERE, NEAR_ITS_END = "anywhere in it", "among its last 10,000"
PAGES = [("the next 100", ANYWHERE, "<m:afterEventId>RANDOM</m:afterEventId>"),
         ("100 of one type", ANYWHERE, "<m:afterEventId>RANDOM</m:afterEventId><m:type>bench.seldom</m:type>"),
         ("100 of one type", NEAR_ITS_END, "<m:afterEventId>RANDOM</m:afterEventId><m:type>bench.seldom</m:type>"),
         ("since an hour", NEAR_ITS_END, "<m:since>{hour}</m:since>")]
CONNECTIONS = 4

SEED_QUEUE = """
  INSERT INTO queue (id, owner_kind, owner_id, name) VALUES (1000000, 1, 1000000, 'else');
  INSERT INTO queue_depth (queue_id, depth, due_event, measured_at) VALUES (1000000, 0, 0, UTC_TIMESTAMP(6));
  INSERT INTO subscription (id, queue_id, owner_kind, owner_id, name, created_at)
  SELECT 1000000 + seq, 1000000, 1, 1000000, CONCAT('else', seq), UTC_TIMESTAMP(6) FROM seq_0_to_99;"""

# One of a hundred is of the type that is looked for; most were acknowledged by a hundred subscriptions.
SEED_PIECE = """
  SET unique_checks = 0, @publisher = (SELECT id FROM account WHERE name = 'bench-publisher'), @now = UTC_TIMESTAMP(6);
  INSERT INTO event (id, type, service_id, content, created_at, expires_at)
  SELECT {base} + seq, IF(seq % 100 = 0, 'bench.seldom', 'bench.often'), @publisher, REPEAT('Hello, CRM. ', 17),
         @now - INTERVAL {days} * 86400 * (1 - seq / {number}) SECOND, @now + INTERVAL 7 DAY
    FROM seq_{first}_to_{last};
  INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at)
  SELECT 1000000, {base} + seq, 1000000, @now FROM seq_{first}_to_{last} WHERE seq % {pending} = 0;
  INSERT INTO delivery_history (subscription_id, event_id, recipient_kind, recipient_id, outcome, attempts, done_at)
  SELECT 1000000 + seq DIV {per_subscription}, {base} + seq, 1, 1000000, 1, 1, @now
    FROM seq_{first}_to_{last} WHERE seq % {pending} <> 0;"""


def options(parser):
    parser.add_argument("--events-in-log", type=int, default=1_000_000, help="that publishing is measured with")


def seed(bench, number):
    """Answers the first and the last id."""
    begun = time.monotonic()
    base = int(bench.database.run("SELECT COALESCE(MAX(id), 0) + 1000 FROM event"))
    bench.database.run(SEED_QUEUE)
    # What replicas publish by themselves meanwhile comes behind.
    bench.database.run(f"ALTER TABLE event AUTO_INCREMENT = {base + number + 1}")
    # Durable again below: nobody needs the seed after a power failure.
    bench.database.run("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
    for first in range(1, number + 1, PIECE):
        bench.database.run(SEED_PIECE.format(base=base, number=number, days=DAYS, first=first,
                                             last=min(number, first + PIECE - 1), pending=PENDING,
                                             per_subscription=number // 100 + 1))
    bench.database.run("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    bench.database.run("ANALYZE TABLE event, delivery, delivery_history")
    print(f"  {number:,} events seeded in {time.monotonic() - begun:.0f} s", flush=True)
    return base + 1, base + number


def settle(bench):
    """Until the seed's pages are written, or nearly: they would be written while others measure."""
    dirty = ("SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS "
             "WHERE VARIABLE_NAME = 'Innodb_buffer_pool_pages_dirty'")
    bench.database.run("SET GLOBAL innodb_max_dirty_pages_pct = 0")
    wait_for(lambda: int(bench.database.run(dirty)) < 200, "write of the seed", 300)
    bench.database.run("SET GLOBAL innodb_max_dirty_pages_pct = 90")


def pages(bench, content, where, seconds):
    first, last = bench.ids
    least = first if where == ANYWHERE else max(first, last - FEW)
    hour = bench.database.run("SELECT DATE_FORMAT(UTC_TIMESTAMP() - INTERVAL 1 HOUR, '%Y-%m-%dT%TZ')").strip()
    return Load([["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / "log.lua"),
                  bench.replica.url + "/events", "--", PUBLISHER, content.format(hour=hour), str(least),
                  str(last - FEW // 2)]])


def few(bench):
    """A second pool of its own, with what connects there."""
    args = copy.copy(bench.args)
    args.folder = Path(bench.pool.folder) / "few"
    small = Bench(args)
    small.start()
    return small


def plan(bench):
    """What the database does for a page of one type, by the statement that the replica runs."""
    folder = Path(bench.pool.folder)
    bench.database.run(f"SET GLOBAL general_log_file = '{folder}/statements.log'; SET GLOBAL general_log = 1")
    pages(bench, PAGES[1][2], ANYWHERE, 1).run()
    bench.database.run("SET GLOBAL general_log = 0")
    text = re.sub(r"\s+", " ", (folder / "statements.log").read_text(errors="replace"))
    statement = re.search(r"SELECT STRAIGHT_JOIN DISTINCT e\.id AS id FROM \(\(SELECT 0 AS source, id AS id FROM event "
                          r"WHERE service_id .*? AS c .*? ORDER BY e\.id LIMIT \?", text)
    publisher = bench.database.run("SELECT id FROM account WHERE name = 'bench-publisher'").strip()
    values = iter([publisher, publisher, str(sum(bench.ids) // 2), "9223372036854775807", "5000", "'bench.seldom'", "100"])
    sql = re.sub(r"\?", lambda _: next(values), statement[0])
    return sql, bench.database.table("EXPLAIN " + sql)


def measure(bench):
    args, number = bench.args, bench.args.events_in_log
    small = few(bench)
    try:
        subjects = {}
        for one, name, events in ((bench, "ours", number), (small, f"ours, {FEW:,} events", FEW)):
            one.ids = seed(one, events)
            settle(one)
            subjects[name] = one
        for one in subjects.values():
            connect_services(one.replica.url)
        programs = {name: [one.program(one.replica)] for name, one in subjects.items()}
        results = run_rounds(args.rounds, bench.database, {
            name: (cycle(one.replica.port, 100, args.seconds), programs[name], one.database)
            for name, one in subjects.items()}, warm=[cycle(one.replica.port, 100, 2) for one in subjects.values()])
        title = f"with {number:,} events in the log and {number // PENDING:,} pending for somebody else, beside {FEW:,}"
        yield f"publish -> pull -> ack in batches of 100 {title}", list(
            table("event", results, "ours", [f"ours, {FEW:,} events"], BARS))
        for what, where, content in PAGES:
            loads = {name: pages(one, content, where, args.seconds) for name, one in subjects.items()}
            results = run_rounds(args.rounds, bench.database, {
                name: (load, programs[name], subjects[name].database) for name, load in loads.items()},
                warm=[pages(one, content, where, 1) for one in subjects.values()])
            yield f"GetEventLog, {what}, {where}, {title}", list(table("page", results, "ours", [f"ours, {FEW:,} events"], BARS))
        sql, lines = plan(bench)
        yield f"The plan of a page of one type: {sql}", [line(text, "") for text in lines]
    finally:
        if not args.keep:
            small.pool.stop()
