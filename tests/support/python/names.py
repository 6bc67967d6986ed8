"""Names of *.example.com as the test wants them to be: what it answers, and who asked."""

import socket
import subprocess
import threading
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "resolver.c"


class Names:
    """Addresses of each name: one list for each look-up; the last one stays."""

    def __init__(self, folder):
        self.asked = Counter()
        self._answers = {}
        self._library = Path(folder) / "resolver.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", self._library, SOURCE, "-ldl"], check=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def environment(self):
        """Of a process that is to ask here."""
        return {"LD_PRELOAD": str(self._library), "TEST_RESOLVER": str(self._socket.getsockname()[1])}

    def set(self, name, *answers):
        self._answers[name] = [",".join(addresses) for addresses in answers]

    def _run(self):
        while True:
            try:
                name, asker = self._socket.recvfrom(512)
            except OSError:
                return
            name = name.decode()
            self.asked[name] += 1
            answers = self._answers.get(name, [""])
            self._socket.sendto((answers.pop(0) if len(answers) > 1 else answers[0]).encode(), asker)

    def close(self):
        self._socket.close()
