"""One private RabbitMQ node on free ports of the loopback, as a peer."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from pool import alive, free_port, wait_for
from processes import Program, family

PROGRAMS = Path("/usr/lib/rabbitmq/bin")


class Rabbitmq(Program):
    """Durable as it comes: a quorum queue of one member forces its log to disk before it confirms."""

    uses_database = False

    def __init__(self, folder):
        super().__init__("rabbitmq", None)
        self.folder = Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        names = {"RABBITMQ_MNESIA_BASE": "mnesia", "RABBITMQ_LOG_BASE": "log", "RABBITMQ_PID_FILE": "pid",
                 "RABBITMQ_CONFIG_FILE": "no-configuration", "RABBITMQ_ENABLED_PLUGINS_FILE": "no-plugins"}
        epmd_port = str(free_port())
        env = {**os.environ, **{name: str(self.folder / file) for name, file in names.items()},
               "HOME": str(self.folder), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": epmd_port,
               "RABBITMQ_NODENAME": f"bench{os.getpid()}@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
               "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_DIST_PORT": str(free_port()),
               "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}"}
        self.children = []
        try:
            self._start(["epmd"], env)
            # The names server must be there first: a node would start one that outlives it.
            wait_for(lambda: self._listens(int(epmd_port)), "answer of epmd", 10)
            self.pid = self._start([PROGRAMS / "rabbitmq-server"], env).pid
            wait_for(lambda: self._ready(), "answer of RabbitMQ", 120)
        except BaseException:
            self.stop()
            raise

    def _start(self, command, env):
        with open(self.folder / "output", "a") as output:
            child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.children.append(child)
        return child

    @staticmethod
    def _listens(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except ConnectionRefusedError:
            return False

    def _ready(self):
        if self.children[-1].poll() is not None:
            raise RuntimeError((self.folder / "output").read_text()[-2000:])
        return "Server startup complete" in (self.folder / "output").read_text() or \
            any("Server startup complete" in log.read_text() for log in self.folder.glob("log/*.log"))

    def cpu_us(self):
        return sum(Program("", pid).cpu_us() for pid in family(self.pid))

    def rss_mib(self):
        return sum(Program("", pid).rss_mib() for pid in family(self.pid))

    def stop(self):
        """Its data is thrown away, so it need not end in order."""
        for child in reversed(self.children):
            for pid in family(child.pid):
                if alive(pid):
                    os.kill(pid, 9)
            child.wait()
        self.children = []
