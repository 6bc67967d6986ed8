"""What every section of the table gets: the options, the pool, the database, and peers on demand."""

import sys
from pathlib import Path

from processes import MariaDb, Peer, Program

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy"))
from pool import Pool  # noqa: E402

HERE = Path(__file__).resolve().parent
BUILT = ROOT / "build/bench"
SCHEMA = "whitebrick"


class Bench:
    """Replica `replica` runs from the start; `other` is started and stopped by the section that needs it."""

    def __init__(self, args):
        self.args = args
        self.pool = Pool(args.folder, args.program, replicas=2)
        self.replica, self.other = self.pool.replicas
        self.database = None
        self.peers = []

    def start(self):
        self.pool.start_database()
        self.database = MariaDb(self.pool.database_pid, self.pool.database_socket, SCHEMA)
        self.database.run_script(HERE / "seed.sql")
        self.replica.start()

    def peer(self, name, *arguments):
        """A peer of build/bench, stopped at the end of all."""
        return self.keep(Peer(name, BUILT / name, *arguments))

    def keep(self, peer):
        """It will be stopped at the end of all."""
        self.peers.append(peer)
        return peer

    def stop_peers(self):
        for peer in self.peers:
            peer.stop()

    @staticmethod
    def program(replica):
        """Its clocks."""
        return Program(replica.name, replica.process.pid)
