# SPDX-License-Identifier: Apache-2.0
"""A web server for policies of MTA-STS: https://mta-sts.DOMAIN at an address
of the loopback, port 443. What it says can be changed while it runs; every
request is counted."""
import http.server
import threading

PATH = "/.well-known/mta-sts.txt"


def policy(*hosts, mode="enforce", age=86400):
    return "".join(["version: STSv1\r\n", f"mode: {mode}\r\n",
                    *(f"mx: {host}\r\n" for host in hosts),
                    f"max_age: {age}\r\n"])


class PolicyServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context, text, host="127.0.0.4"):
        self.text, self.status, self.type = text, 200, "text/plain"
        self.headers, self.asked = [], 0
        self.pause = None       # an Event: keeps silent until it is set
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                if outer.pause:
                    outer.pause.wait(30)
                assert self.path == PATH, self.path
                body = outer.text.encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", outer.type)
                for name, value in outer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        super().__init__((host, 443), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, args=(0.05,),
                         daemon=True).start()

    def handle_error(self, request, client_address):
        pass                    # who does not trust us hangs up

    def close(self):
        self.shutdown()
        self.server_close()
