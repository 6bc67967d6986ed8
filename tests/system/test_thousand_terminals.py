"""M4 at scale and under faults: a thousand parked terminals and many more behind a portal watch each other while people
change and replicas are killed. Each watcher is told each change once, in order, and misses none."""

import asyncio
import contextlib
import random
import statistics
import time

import pytest
from cast import fresh
from contact_world import World
from many_callers import Caller
from pool import wait_for
from told_states import fault_of_steady, fault_of_visit

DRIVERS = 6  # people who change at the same time
IN_A_ROW = 0.3  # of the changes are several at once, which may be told as one


async def _kill_in_turn(pool, rng, ended):
    """kill -9 of one replica after the other, each at a moment of chance, and up again."""
    killed = 0

    def wait_up(names):
        wait_for(lambda: pool.servers_up() == names, f"{names} in the balancer", 20)

    everybody = {r.name for r in pool.replicas}
    while not ended.is_set():
        victim = pool.replicas[killed % len(pool.replicas)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rng.uniform(2, 6)):
                await ended.wait()
                break
        await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(wait_up, everybody - {victim.name})
        await asyncio.sleep(rng.uniform(0, 2))
        await asyncio.to_thread(victim.start)
        await asyncio.to_thread(wait_up, everybody)
        killed += 1
    return killed


async def _drive(world, rng, end, busy):
    clerk = Caller(world.url)
    while time.monotonic() < end:
        person = rng.choice([p for p in rng.sample(world.people, 20) if p not in busy])
        busy.append(person)
        try:
            await (world.change_in_a_row if rng.random() < IN_A_ROW else world.change)(person, clerk, rng)
        finally:
            busy.remove(person)
    clerk.close()


async def _run(pool, world, seconds, seed, admin_password):
    started = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - started:5.1f} s  {text}", flush=True)

    await world.create(admin_password)
    await world.connect()
    say("all connected and told of each other")
    ended, busy = asyncio.Event(), []
    killing = asyncio.create_task(_kill_in_turn(pool, random.Random(f"{seed} kills"), ended))
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for n in range(DRIVERS):
            group.create_task(_drive(world, random.Random(f"{seed} {n}"), end, busy))
    ended.set()
    kills = await killing
    say(f"{world.changes} changes, {kills} replicas killed")
    await world.settle()
    say("all know the truth")
    wrong = await world.disagreements()
    await world.end()
    say("asked again")
    return kills, wrong


def test_each_change_is_told_once_in_order_and_none_is_missed(own_pool, pytestconfig):
    seconds = pytestconfig.getoption("--terminals-seconds")
    seed = pytestconfig.getoption("--terminals-seed") or random.randrange(1 << 32)
    print(f"\nseed {seed}")
    world = World(own_pool.url, pytestconfig.getoption("--terminals"), seed)
    world.store(own_pool)
    kills, wrong = asyncio.run(_run(own_pool, world, seconds, seed, own_pool.create_admin("root")))

    told = sum(len(t) for p in world.people for visit in p.terminal.visits for t in visit.values())
    delays = sorted(world.delays)
    print(f"told {told} states, {len(delays)} of them of single changes: p50 {1000 * statistics.median(delays):.0f} ms,"
          f" p99 {1000 * delays[int(0.99 * len(delays))]:.0f} ms, slowest {delays[-1]:.1f} s; handed out again "
          f"{sum(q.again for q in world.queues)}, calls repeated {world.repeated}")
    faults = world.faults()
    assert not faults, f"{len(faults)} faults: " + "\n".join(faults[:20])
    assert not wrong, f"{len(wrong)} disagreements: " + "\n".join(wrong[:20])
    assert kills >= seconds // 20 and world.repeated > 0, "the kills were not felt"


# The judge, on rows made by hand: he says what is wrong, and only that.

ALL = ["NOT_CONNECTABLE", "CONNECTABLE", "UNKNOWN", "CONNECTABLE", "IN_TRANSFER"]
SPACED = {0, 1, 2, 3, 4}


@pytest.mark.parametrize("told, awaited", [
    (ALL, SPACED),
    (ALL[1:], SPACED),  # the snapshot came after the first change
    (["CONNECTABLE", "IN_TRANSFER"], {0, 1, 4}),  # UNKNOWN passed unawaited
    (["CONNECTABLE", "UNKNOWN", "IN_TRANSFER"], {0, 1, 4}),
])
def test_the_judge_accepts(told, awaited):
    assert fault_of_steady(told, ALL, awaited, 0, 1) is None


@pytest.mark.parametrize("told, fault", [
    (ALL[:2] + ["IN_TRANSFER"], "missed"),
    (ALL[:4], "the last one was missed"),
    (ALL[:3] + ["UNKNOWN"] + ALL[3:], "twice in a row"),
    (["NOT_CONNECTABLE", "UNKNOWN", "CONNECTABLE", "IN_TRANSFER"], "out of order"),
    (ALL[:3] + ["IN_TRANSFER", "CONNECTABLE"], "out of order"),
    (ALL + ["UNKNOWN"], "out of order"),
    (["UNKNOWN"] + ALL[3:], "a snapshot that was not true"),
    ([], "a snapshot that was not true"),
])
def test_the_judge_finds(told, fault):
    assert fault in fault_of_steady(told, ALL, SPACED, 0, 1)


def test_the_judge_of_visits():
    assert fault_of_visit(["CONNECTABLE", "UNKNOWN"], ALL, 1, 2) is None
    assert fault_of_visit(["UNKNOWN"], ALL, 1, 2) is None
    assert "not true" in fault_of_visit(["IN_TRANSFER"], ALL, 1, 2)
    assert "out of order" in fault_of_visit(["UNKNOWN", "NOT_CONNECTABLE"], ALL, 1, 2)
    assert "twice" in fault_of_visit(["UNKNOWN", "UNKNOWN"], ALL, 1, 2)
