"""Real pools of the release build: private MariaDB, replicas, HAProxy.

Tests of faults take `own_pool`; all others share `pool` and make their own accounts in it.
"""

import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy"), str(ROOT / "tests/support/python")]

from cast import cast_of  # noqa: E402
from pool import Pool  # noqa: E402

PROGRAM = Path(os.environ.get("WHITEBRICK", ROOT / "build/release/server/whitebrick"))


def pytest_addoption(parser):
    parser.addoption("--chaos-seconds", type=int, default=60, help="how long test_chaos.py kills replicas and databases")
    parser.addoption("--chaos-seed", type=int, help="repeats the kills of a run of test_chaos.py that printed it")
    parser.addoption("--terminals", type=int, default=1000, help="how many test_thousand_terminals.py connects")
    parser.addoption("--terminals-seconds", type=int, default=30, help="how long people change there")
    parser.addoption("--terminals-seed", type=int, help="repeats the choices of a run that printed it")


def pytest_configure():
    # Each parked poll is a file descriptor here and in the server, which inherits the limit.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20000)), hard))


@pytest.fixture(scope="session")
def make_pool():
    """Starts pools; whatever was started is stopped and removed at the end, unless the test did so itself."""
    if not PROGRAM.exists():
        pytest.fail(f"{PROGRAM} is missing: cmake --preset release && cmake --build --preset release")
    pools = []

    def make(replicas=2, settings=()):
        # A short path: a unix socket's holds 107 bytes at most.
        pool = Pool(tempfile.mkdtemp(prefix="wb-", dir="/tmp"), PROGRAM, replicas, settings=settings)
        pools.append(pool)
        pool.start()
        return pool

    def end(pool):
        pools.remove(pool)
        try:
            pool.stop()
        finally:
            shutil.rmtree(pool.folder, ignore_errors=True)

    make.end = end
    yield make
    for pool in list(pools):
        end(pool)


@pytest.fixture(scope="session")
def pool(make_pool):
    return make_pool()


@pytest.fixture(scope="session")
def cast(pool):
    return cast_of(pool)


@pytest.fixture
def own_pool(make_pool):
    """For this test only: it may be broken."""
    pool = make_pool()
    yield pool
    make_pool.end(pool)


@pytest.fixture
def own_cast(own_pool):
    return cast_of(own_pool)
