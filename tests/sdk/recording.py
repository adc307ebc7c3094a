"""Requests as fixtures: what a real client sent, without what is somebody's.

The structure stays whole; long strings are cut inside, and keys, homes and ids of a machine are replaced.
"""

import json
import re

# Headers that say something about the dialect or the client; the rest is plumbing.
HEADERS = (
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "openai-beta",
    "originator",
    "user-agent",
    "x-app",
    "x-goog-api-client",
    "x-stainless-lang",
    "x-stainless-package-version",
)
CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
LONGEST = 160
KEPT = 60
SCRUBS = (
    (re.compile(r"/(?:tmp|private/tmp|var/folders)/[\w./-]*?/(home|work)\b"), r"/scratch/\1"),
    (re.compile(r"/scratch/[\w-]*-work\b"), "/scratch/work"),
    (re.compile(r"(?:/[\w.@-]+)+/node_modules/"), "/scratch/node_modules/"),
    (re.compile(r"(?:upstream|client)-key-[0-9a-f]{4}"), "KEY"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "0" * 64),
    (
        re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
        r"00000000-0000-\g<1>000-8000-000000000000",
    ),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8000"),
)
# Signatures and images have to stay what they are.
WHOLE = {
    "signature",
    "encrypted_content",
    "thoughtSignature",
    "thought_signature",
    "data",
    "url",
    "image_url",
    "file_data",
    "arguments",
}


def write(directory, requests):
    """`01-post-v1-messages.json`, … in the order in which they came."""
    directory.mkdir(parents=True, exist_ok=True)
    for at, request in enumerate(requests, 1):
        name = re.sub(r"[^a-z0-9]+", "-", f"{request.method} {request.path}".lower()).strip("-")
        text = json.dumps(fixture(request), ensure_ascii=False, indent=2)
        (directory / f"{at:02}-{name}.json").write_text(text + "\n")


def fixture(request):
    headers = {name: scrub(request.headers[name]) for name in HEADERS if name in request.headers}
    for name in CREDENTIALS:
        if name in request.headers:
            headers[name] = "Bearer KEY" if request.headers[name].startswith("Bearer ") else "KEY"
    query = {name: ("KEY" if name == "key" else values[0]) for name, values in request.query.items()}
    shown = {"method": request.method, "path": request.path, "query": query, "headers": headers}
    return shown | {"body": shorten(request.body), "answered": request.status}


def shorten(value, name=""):
    if isinstance(value, dict):
        return {scrub(key): shorten(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [shorten(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    value = scrub(value)
    if len(value) <= LONGEST or name in WHOLE:
        return value
    return f"{value[:KEPT]} […] {value[-KEPT:]}"


def scrub(text):
    for pattern, replacement in SCRUBS:
        text = pattern.sub(replacement, text)
    return text


def sdk_requests(directory, kind, clients, served):
    """A request of each SDK with everything in it at once: tools, an image, a schema, thinking."""
    from cases import PERSON, png
    from gateway import UPSTREAM_KEY
    from upstream import MODELS

    for name, adapter in clients.items():
        if adapter.native == kind:
            client = adapter(served.url, UPSTREAM_KEY, MODELS[kind])
            history = client.user("#think-steps")
            answer = client.ask(history, tools=True, thinking=True)
            history = [*history, *client.results(answer, ["21 °C"]), *client.user("And this?", png())]
            client.ask(history, stream=True, tools=True, thinking=True, schema=PERSON)
            directory.mkdir(parents=True, exist_ok=True)
            text = json.dumps(fixture(served.last()), ensure_ascii=False, indent=2)
            (directory / f"{name}.json").write_text(text + "\n")
