"""Peers of GetConnectability that are not one program of build/bench: JAX-WS on a warm JVM, and PHP."""

import contextlib
import getpass
import grp
import os
import shutil
import socket
import string
import subprocess
from pathlib import Path

from bench import BUILT, HERE, ROOT, SCHEMA
from pool import free_port, wait_for
from processes import THREADS, Program, family

WSDL = ROOT / "wsdl/coordination.wsdl"


class Family(Program):
    """One or several processes with all that descend from them; output goes to a file."""

    def __init__(self, name, folder, commands):
        super().__init__(name, None)
        self.folder = Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.children = []
        with open(self.folder / "output", "w") as output:
            for command in commands(self):
                self.children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output))
        wait_for(self._ready, f"answer of {name}: {self.folder}/output", 60)

    def _ready(self):
        for child in self.children:
            if child.poll() is not None:
                raise SystemExit(f"{child.args[0]} ended: {(self.folder / 'output').read_text()[-2000:]}")
        return self._answers()

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except ConnectionRefusedError:
            return False

    def pids(self):
        return [pid for child in self.children for pid in family(child.pid)]

    def cpu_us(self):
        return sum(Program("", pid).cpu_us() for pid in self.pids())

    def rss_mib(self):
        """What the processes share counts once."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids()]
        return sum(int(line.split()[1]) for text in rollups for line in text.splitlines() if line.startswith("Pss:")) / 1024

    def stop(self):
        for pid in reversed(self.pids()):
            with contextlib.suppress(ProcessLookupError):  # ended with its parent
                os.kill(pid, 9)
        for child in self.children:
            child.wait()
        self.children = []


def jaxws(name, folder, database_socket, states):
    """`states`: five or two, as of gsoap_db. Not warm yet: the JIT needs some ten thousands of calls."""
    classes = BUILT / "jaxws"
    path = subprocess.run([HERE / "peers/jaxws/classpath"], capture_output=True, text=True, check=True).stdout.strip()
    return Family(name, folder, lambda peer: [
        ["java", "-Xmx1g", "-Dsun.net.httpserver.nodelay=true", "-cp", f"{classes}:{path}", "jaxws.Coordination",
         str(peer.port), THREADS, str(database_socket), SCHEMA, states]])


def php(folder, database_socket):
    """nginx before php-fpm, a process for each connection, opcache and the WSDL in memory."""
    def commands(peer):
        values = {"folder": peer.folder, "port": peer.port, "children": THREADS, "user": getpass.getuser(),
                  "group": grp.getgrgid(os.getgid()).gr_name, "wsdl": WSDL,
                  "script": HERE / "peers/php/coordination.php", "socket": database_socket, "schema": SCHEMA}
        for file in ("fpm.conf", "nginx.conf"):
            text = string.Template((HERE / "peers/php" / file).read_text()).substitute(values)
            (peer.folder / file).write_text(text)
        fpm = sorted(Path("/usr/sbin").glob("php-fpm*"))[-1]
        as_root = ["--allow-to-run-as-root"] if os.getuid() == 0 else []
        yield [fpm, "--fpm-config", peer.folder / "fpm.conf", *as_root]
        yield ["/usr/sbin/nginx", "-c", peer.folder / "nginx.conf"]
    return Family("php", folder, commands)
