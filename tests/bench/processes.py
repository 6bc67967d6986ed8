"""What is measured: processes, their CPU clocks and their memory."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
THREADS = "20"  # of a peer: more than there are connections


def family(pid):
    """This process and all that descend from it."""
    parent_of = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent_of[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            pass  # ended meanwhile
    found = [pid]
    for member in found:
        found += [child for child, parent in parent_of.items() if parent == member]
    return found


class Program:
    uses_database = True

    def __init__(self, name, pid):
        self.name, self.pid = name, pid

    def cpu_us(self):
        """User and system time of all threads so far."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(after_name[11]) + int(after_name[12])) * TICK_US

    def rss_mib(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


class Peer(Program):
    """A peer on a free port, started here."""

    def __init__(self, name, program, *arguments):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.child = subprocess.Popen([program, str(self.port), THREADS, *arguments], stdin=subprocess.DEVNULL,
                                      stdout=sys.stderr)
        super().__init__(name, self.child.pid)
        self.uses_database = bool(arguments)
        end = time.monotonic() + 10
        while not self._listens():
            if self.child.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{name} does not listen")

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except ConnectionRefusedError:
            return False

    def stop(self):
        self.child.kill()
        self.child.wait()


class MariaDb(Program):
    def __init__(self, pid, socket_file, schema):
        super().__init__("database", pid)
        self.command = ["mariadb", "--no-defaults", "-uroot", f"--socket={socket_file}", schema]

    def run(self, sql):
        """What it answers, a line a row."""
        return subprocess.run([*self.command, "-N", "-e", sql], stdout=subprocess.PIPE, text=True, check=True).stdout

    def table(self, sql):
        """What it answers, as lines of a table."""
        done = subprocess.run([*self.command, "-t", "-e", sql], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.splitlines()

    def run_script(self, path):
        with open(path) as script:
            subprocess.run(self.command, stdin=script, stdout=subprocess.DEVNULL, check=True)
