"""HTTP for the scripted upstreams: one server, a dialect decides what is said on it.

Every request is kept, answered or not. Streams go out in small pieces that respect neither events nor
characters, because networks do not either.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from .plan import Cut

# Small and odd, so that many cuts fall inside a character, a line or an event.
PIECE = 37


class Refusal(Exception):
    """The request is answered with an error in the dialect's own shape."""

    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status, self.message, self.more = status, message, more


class Request:
    def __init__(self, method, target, headers, raw):
        parts = urlsplit(target)
        self.method, self.path, self.query = method, unquote(parts.path), parse_qs(parts.query)
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.raw = raw
        self.body = json.loads(raw) if raw and "json" in self.headers.get("content-type", "") else None
        self.view = None
        self.status = None
        self.refusal = None

    def bearer(self):
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


class Upstream:
    """Serves a dialect on a free port of the loopback interface until closed."""

    def __init__(self, dialect, key):
        self.dialect, self.key, self.requests = dialect, key, []
        upstream = self

        class Handler(Conversation):
            serving = upstream

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def last(self):
        return self.requests[-1]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The pieces of a stream are to arrive as they are sent.
    disable_nagle_algorithm = True
    serving = None

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self):
        self.converse()

    def do_POST(self):
        self.converse()

    def do_HEAD(self):
        self.converse()

    def do_DELETE(self):
        self.converse()

    def converse(self):
        request = Request(self.command, self.path, self.headers, self.content())
        self.serving.requests.append(request)
        dialect = self.serving.dialect
        try:
            dialect.authenticate(request, self.serving.key)
            answer = dialect.answer(request)
        except Refusal as refusal:
            request.status, request.refusal = refusal.status, refusal.message
            status, headers, body = dialect.error(refusal)
            return self.respond(body, status, headers)
        request.status = 200
        if isinstance(answer, (dict, list)):
            return self.respond(answer)
        self.stream(answer)

    def content(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return self.dechunked()
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def dechunked(self):
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def respond(self, value, status=200, headers=None):
        data = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def stream(self, events):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        data, whole = gather(events)
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.close_connection = not whole
        if whole:
            self.wfile.write(b"0\r\n\r\n")


def gather(events):
    """The bytes of a stream, and whether it comes to its end."""
    data = b""
    try:
        for event in events:
            data += event.encode()
    except Cut:
        return data, False
    return data, True


def pieces(text, size=3):
    """A text as a model streams it: a few characters at a time."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def data(value):
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def named(value):
    """An event that is named by its `type`, as Anthropic and Responses have it."""
    return f"event: {value['type']}\n{data(value)}"


def need(condition, message, **more):
    if not condition:
        raise Refusal(400, message, **more)


def known(value, names, where, **more):
    """Refuses fields that the real service does not know."""
    for name in value:
        need(name in names, f"{where}{name}: Extra inputs are not permitted", **more)


def asked_status(model):
    """`status-429` asks for that error."""
    model = model.rsplit("/", 1)[-1]
    return int(model.removeprefix("status-")) if model.startswith("status-") else None
