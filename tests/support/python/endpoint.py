"""Subscribers that events are pushed to, well-behaved or not, and addresses where nobody may come."""

import re
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULT = (b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server'
         b"</faultcode><faultstring>no</faultstring></s:Fault></s:Body></s:Envelope>")


class Endpoint:
    """Implements notify.wsdl on 127.0.0.1. `behaviour`: None, or what it does with a request instead of accepting:
    a function of the request (a BaseHTTPRequestHandler whose body was read). `tls`: (certificate, key)."""

    def __init__(self, behaviour=None, port=0, tls=None, listening=True):
        self.behaviour, self.tls = behaviour, None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)
        self.calls = 0
        self.accepted = []  # contents, in order
        self.requests = []  # (headers, body)
        self._lock = threading.Lock()
        outer = self

        class Notify(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer._answer(self, body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the other side has gone

        self.server = Server(("127.0.0.1", port), Notify, bind_and_activate=False)
        self.server.server_bind()
        self.port = self.server.server_port
        if listening:
            self.listen()

    def listen(self):
        self.server.server_activate()
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _answer(self, request, body):
        with self._lock:
            self.calls += 1
            self.requests.append((dict(request.headers), body))
        behaviour = self.behaviour
        if behaviour:
            behaviour(request)
            return
        with self._lock:
            self.accepted += re.findall("<content>([^<]*)<", body.decode())
        reply(request, 202)

    def url(self, host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}/notify"

    def close(self):
        threading.Thread(target=self.server.shutdown, daemon=True).start()
        self.server.server_close()


def reply(request, status, body=b"", **headers):
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


class Forbidden:
    """Listens where nobody may connect to, and answers nobody."""

    def __init__(self, address="127.0.0.2", port=0):
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._socket.bind((address, port))
        self._socket.listen()
        self._socket.setblocking(False)
        self.address, self.port = address, self._socket.getsockname()[1]

    @property
    def url(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}/"

    def came(self):
        """Who connected since the last time, though nobody accepted him."""
        found = []
        while True:
            try:
                client, who = self._socket.accept()
            except BlockingIOError:
                return found
            client.close()
            found.append(who)

    def close(self):
        self._socket.close()


class Authority:
    """A certificate authority of one's own."""

    def __init__(self, folder, name):
        self.folder, self.name = Path(folder), name
        self.certificate, self._key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def issue(self, host, days=2):
        """(certificate, key) of a host; `days` in the past: it has expired."""
        at = self.folder / f"{self.name}-{host}-{days}"
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={host}",
                      "-keyout", f"{at}.key", "-out", f"{at}.csr")
        Path(f"{at}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        self._openssl("x509", "-req", "-in", f"{at}.csr", "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                      "-extfile", f"{at}.ext", "-days", str(days), "-out", f"{at}.pem")
        return f"{at}.pem", f"{at}.key"

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
