"""A scripted upstream that speaks OpenAI, with nothing but the standard library.

What it answers depends on the model: a name such as `status-429` asks for that error, `cut` for a stream
that breaks off. It checks what a real upstream would: its own key, never the client's.
"""

import base64
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "upstream-key-7d1f"
VECTOR = [0.25, -1.5, 3.0]
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
ERRORS = {
    400: ("invalid_request_error", "unsupported_value", "'temperature' is out of range"),
    401: ("invalid_request_error", "invalid_api_key", f"Incorrect API key provided: {KEY}."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist"),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached"),
    500: ("server_error", None, "The server had an error"),
    503: ("server_error", None, "The server is overloaded"),
}


class Upstream:
    """Serves on a free port of the loopback interface until closed."""

    def __init__(self):
        self.requests = []
        upstream = self

        class Handler(Conversation):
            def note(self, body):
                upstream.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def last(self):
        return self.requests[-1]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "scripted"} for name in ("chat", "listed")]
        self.answer({"object": "list", "data": models})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"])) if "content-length" in self.headers else self.chunked()
        is_json = self.headers["content-type"].startswith("application/json")
        body = json.loads(raw) if is_json else raw
        self.note(body)
        if self.headers["authorization"] != f"Bearer {KEY}":
            return self.fail(401)
        endpoint = self.path.removeprefix("/v1/")
        model = body["model"] if is_json else ""
        if model.startswith("status-"):
            return self.fail(int(model.removeprefix("status-")))
        if endpoint == "embeddings":
            return self.embeddings(body)
        if endpoint == "audio/transcriptions":
            return self.answer({"text": f"{len(raw)} bytes heard"})
        if body.get("stream"):
            return self.stream(body)
        return self.answer(completion(body))

    def chunked(self):
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def embeddings(self, body):
        vector = VECTOR
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        self.answer({"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}})

    def stream(self, body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events(body):
            self.chunk(f"data: {json.dumps(event)}\n\n".encode())
        if body["model"] == "cut":
            self.close_connection = True
            return self.connection.close()
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def fail(self, status):
        kind, code, message = ERRORS[status]
        headers = {"retry-after": "7"} if status == 429 else {}
        error = {"message": message, "type": kind, "param": "temperature" if status == 400 else None, "code": code}
        self.answer({"error": error}, status, headers)

    def answer(self, value, status=200, headers=None):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data)


def completion(body):
    message = {"role": "assistant", "content": "Hello, wörld"}
    finish = "stop"
    if body.get("tools"):
        call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return envelope("chat.completion", body, [choice]) | {"usage": USAGE}


def events(body):
    deltas = [{"role": "assistant", "content": ""}, {"content": "Hello, "}, {"content": "wörld"}]
    finish = "stop"
    if body.get("tools"):
        finish = "tool_calls"
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
        deltas = [{"role": "assistant", "content": None, "tool_calls": [call]}]
        for part in ('{"city"', ': "Paris"}'):
            deltas.append({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
    for delta in deltas:
        yield chunk(body, [{"index": 0, "delta": delta, "finish_reason": None}])
    if body["model"] == "cut":
        return
    yield chunk(body, [{"index": 0, "delta": {}, "finish_reason": finish}])
    if (body.get("stream_options") or {}).get("include_usage"):
        yield chunk(body, []) | {"usage": USAGE}


def chunk(body, choices):
    return envelope("chat.completion.chunk", body, choices)


def envelope(kind, body, choices):
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"], "choices": choices}
