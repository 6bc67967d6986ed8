"""A pool to talk to: the running one at WB_URL (administrator in WB_ADMIN, WB_ADMIN_PASSWORD), else a fresh one."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))

from pool import Pool, random_password  # noqa: E402


def program():
    for build in ("release", "dev"):
        found = ROOT / "build" / build / "server/whitebrick"
        if found.exists():
            return found
    raise FileNotFoundError("no program in build/release or build/dev: build it first")


@pytest.fixture(scope="session")
def pool(tmp_path_factory):
    if "WB_URL" in os.environ:
        yield SimpleNamespace(url=os.environ["WB_URL"], admin=os.environ.get("WB_ADMIN", "admin"),
                              admin_password=os.environ["WB_ADMIN_PASSWORD"])
        return
    # The path of the database's socket may hold 107 bytes only.
    folder = tmp_path_factory.mktemp("p")
    started = Pool(folder, os.environ.get("WB_PROGRAM") or program(), replicas=2)
    try:
        started.start()
        password = random_password()
        started.create_admin("admin", password)
        yield SimpleNamespace(url=started.url, admin="admin", admin_password=password)
    finally:
        started.stop()
