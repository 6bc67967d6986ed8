"""Kamailio's presence server on the database process that the replicas use, in a schema of its own."""

import os
import socket
import string
import time
from pathlib import Path

from bench import HERE
from web_peers import Family

TABLES = ("standard", "presence")
# subs_db_mode, publ_cache
DATABASE = (3, 0)  # subscriptions and states in the database only; each NOTIFY updates its row
WRITE_BACK = (2, 1)  # the defaults: in memory, written to the database every ten seconds


class Kamailio(Family):
    def __init__(self, name, folder, database, database_socket, storage):
        self.schema = "kamailio_" + Path(folder).name
        scripts = "".join(f"SOURCE /usr/share/kamailio/mysql/{tables}-create.sql;\n" for tables in TABLES)
        database.run(f"CREATE DATABASE {self.schema}; GRANT ALL ON {self.schema}.* TO kamailio@localhost "
                     f"IDENTIFIED BY 'kamailio'; USE {self.schema};\n{scripts}")
        os.environ["MYSQL_UNIX_PORT"] = str(database_socket)
        modules, = Path("/usr/lib").glob("*/kamailio/modules")
        values = {"modules": f"{modules}/", "schema": self.schema, "subs_db_mode": storage[0], "publ_cache": storage[1]}

        def commands(peer):
            config = peer.folder / "kamailio.cfg"
            config.write_text(string.Template((HERE / "peers/kamailio.cfg").read_text()).substitute(values, port=peer.port))
            return [["/usr/sbin/kamailio", "-DD", "-E", "-m", "1024", "-M", "64", "-f", config, "-Y", peer.folder,
                     "-P", peer.folder / "pid"]]
        super().__init__(name, folder, commands)

    def _answers(self):
        """An OPTIONS is answered as soon as the workers run; with a refusal."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            s.settimeout(0.2)
            own = s.getsockname()[1]
            s.sendto((f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{time.time_ns()}\r\n"
                      "From: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:b@127.0.0.1>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\n"
                      "Max-Forwards: 5\r\nContent-Length: 0\r\n\r\n").encode(), ("127.0.0.1", self.port))
            try:
                return s.recv(65536).startswith(b"SIP/2.0 405")
            except (socket.timeout, ConnectionRefusedError):
                return False
