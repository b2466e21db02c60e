"""A small reporting backend, to be stopped and killed.

Usage: reports.py PORT (0: any). Prints `listening on PORT`, then a line for each request: method and User-Agent. A report
is one row with the User-Agent; that of the User-Agent `long` has rows for ever, a thousand every hundredth of a second.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Reports(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together.
    wbufsize = -1

    def report(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        name = self.headers.get("user-agent", "")
        # In one piece, as several threads write.
        sys.stdout.write(f"{self.command} {name}\n")
        sys.stdout.flush()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if name == "long":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.chunk('{"rows":[{"country":"DE"}')
            while True:
                self.chunk(',{"country":"DE"}' * 1000)
                time.sleep(0.01)
        body = ('{"rows":[{"country":"%s"}]}' % name).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, text):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text.encode()))
        self.wfile.flush()

    do_GET = report
    do_POST = report

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    # Of other tests' connections, too: a backend that was killed comes back at once.
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", int(sys.argv[1])), Reports)
print("listening on", server.server_port, flush=True)
server.serve_forever()
