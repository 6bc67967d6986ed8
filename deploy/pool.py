"""A pool on this machine: the private MariaDB, replicas, and HAProxy before them.

One implementation for `deploy/up`, `deploy/down` and the system tests. Standard library only.
Everything it writes lies in one folder; what runs is known from pid files there.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import string
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


def free_port(preferred=0):
    """`preferred` when nobody listens there, else any free port of the loopback."""
    for port in filter(None, [preferred]):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, what, seconds=60):
    """Returns what `condition()` gives as soon as that is true; TimeoutError naming `what` otherwise."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {seconds} s")
        time.sleep(0.02)


def status_of(url):
    """HTTP status of a GET, 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code
    except OSError:
        return 0


def alive(pid):
    try:
        os.kill(pid, 0)
        return "zombie" not in Path(f"/proc/{pid}/status").read_text().split("State:")[1].split("\n")[0]
    except (OSError, IndexError):
        return False


class Process:
    """A child that outlives us, known by its pid file and by a word of its command line."""

    def __init__(self, pid_file, log_file, word):
        self.pid_file, self.log_file, self.word = Path(pid_file), Path(log_file), word
        self.child = None

    @property
    def pid(self):
        # Its command line cannot be read yet when it has just been started.
        if self.child is not None and self.child.poll() is None:
            return self.child.pid
        try:
            pid = int(self.pid_file.read_text())
            return pid if self.word in Path(f"/proc/{pid}/cmdline").read_text() and alive(pid) else None
        except (OSError, ValueError):
            return None

    def start(self, command, env=None):
        with open(self.log_file, "a") as log:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env={**os.environ, **(env or {})}, start_new_session=True)
        self.pid_file.write_text(str(self.child.pid))

    def stop(self, sig=signal.SIGTERM, seconds=30):
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, sig)
        if self.child is not None and self.child.pid == pid:
            self.child.wait(seconds)
        else:
            wait_for(lambda: not alive(pid), f"end of process {pid}", seconds)


class Replica:
    def __init__(self, pool, name, port, admin_port):
        self.pool, self.name, self.port, self.admin_port = pool, name, port, admin_port
        self.process = Process(pool.folder / f"{name}.pid", pool.folder / f"{name}.log", "whitebrick")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self):
        return f"http://127.0.0.1:{self.admin_port}"

    def start(self, wait=True, env=None):
        if self.process.pid is None:
            self.process.start([self.pool.program, "serve", *self.pool.options(),
                                f"--http.port={self.port}", f"--admin.port={self.admin_port}",
                                f"--replica={self.name}"], env)
        if wait:
            wait_for(lambda: self._ready_or_dead() == 200, f"readiness of replica {self.name}")

    def _ready_or_dead(self):
        if self.process.child is not None and self.process.child.poll() is not None:
            raise RuntimeError(f"replica {self.name} ended: see {self.process.log_file}\n"
                               + self.process.log_file.read_text()[-2000:])
        return status_of(self.admin_url + "/ready")

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def stop(self):
        self.process.stop(signal.SIGTERM)

    def metrics(self):
        """name -> value, of the metrics without labels."""
        with urllib.request.urlopen(self.admin_url + "/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return {n: float(v) for n, v in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


class Pool:
    def __init__(self, folder, program, replicas=2, front_port=0, settings=(), preferred_port=0):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.program = str(program)
        self.settings = list(settings)
        state = self._load()
        if not state:
            ports = [free_port() for _ in range(2 * replicas)]
            state = {"front": front_port or free_port(preferred_port),
                     "replicas": [[chr(ord("a") + i), ports[2 * i], ports[2 * i + 1]] for i in range(replicas)]}
            self._state_file.write_text(json.dumps(state))
        self.front_port = state["front"]
        self.replicas = [Replica(self, *r) for r in state["replicas"]]
        self.balancer = Process(self.folder / "haproxy.pid", self.folder / "haproxy.log", "haproxy")

    @property
    def _state_file(self):
        return self.folder / "pool.json"

    def _load(self):
        return json.loads(self._state_file.read_text()) if self._state_file.exists() else None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.front_port}"

    @property
    def data_directory(self):
        return self.folder / "data"

    def options(self):
        return [f"--data_directory={self.data_directory}", *self.settings]

    def run(self, *command, env=None):
        """A command of the program; what it prints."""
        done = subprocess.run([self.program, *command, *self.options()], capture_output=True, text=True,
                              env={**os.environ, **(env or {})})
        if done.returncode != 0:
            raise RuntimeError(f"whitebrick {' '.join(command)}: {done.stderr.strip()[-2000:]}")
        return done.stdout.strip()

    # The pool owns its database: killing any replica leaves it running.
    def start_database(self):
        self.run("database", "start")
        self.run("migrate")

    def start_replicas(self):
        for replica in self.replicas:
            replica.start(wait=False)
        for replica in self.replicas:
            replica.start()

    def start_balancer(self):
        if self.balancer.pid is None:
            program = shutil.which("haproxy") or "/usr/sbin/haproxy"
            (self.folder / "haproxy.cfg").write_text(self._balancer_config())
            self.balancer.start([program, "-f", str(self.folder / "haproxy.cfg"), "-db"])
        wait_for(lambda: status_of(self.url + "/live") == 200, "answer through the balancer")

    def _balancer_config(self):
        import resource
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        # HAProxy refuses to start when the limit is under 2 x maxconn and some.
        maxconn = min(20000, (hard - 100) // 2) if hard != resource.RLIM_INFINITY else 20000
        servers = "\n".join(f"  server {r.name} 127.0.0.1:{r.port} check port {r.admin_port}" for r in self.replicas)
        return string.Template((HERE / "haproxy.cfg").read_text()).substitute(
            maxconn=maxconn, folder=self.folder, front=f"127.0.0.1:{self.front_port}", servers=servers)

    def servers_up(self):
        """Names of the replicas that the balancer sends to."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.folder / "haproxy.sock"))
            s.sendall(b"show stat\n")
            text = b""
            while chunk := s.recv(65536):
                text += chunk
        rows = [line.split(",") for line in text.decode().splitlines() if line.startswith("replicas,")]
        return {r[1] for r in rows if r[1] != "BACKEND" and r[17].startswith("UP")}

    def start(self):
        self.start_database()
        self.start_replicas()
        self.start_balancer()
        wait_for(lambda: len(self.servers_up()) == len(self.replicas), "all replicas in the balancer")

    def stop(self):
        self.balancer.stop(signal.SIGINT)
        for replica in self.replicas:
            if replica.process.pid is not None:
                os.kill(replica.process.pid, signal.SIGTERM)
        for replica in self.replicas:
            replica.stop()
        if (self.data_directory / "database").exists():
            self.run("database", "stop")

    def create_admin(self, name, password=None):
        env = {"WHITEBRICK_ADMIN_PASSWORD": password} if password else None
        return self.run("admin", "create", name, env=env).splitlines()[-1]

    # The private database's process, for tests of faults.
    @property
    def database_pid(self):
        return int((self.data_directory / "database/mariadb.pid").read_text())

    @property
    def database_socket(self):
        return self.data_directory / "database/mariadb.sock"


def random_password():
    return "-".join("".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(5)) for _ in range(4))
