"""The official SDKs through autogw to scripted upstreams of each dialect, and a table of what held.

Run it with `tests/sdk/run`, which brings the packages; AUTOGW_BIN names the binary.
"""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

import cases
import edge
import recording
import strictness
from clients import adapters
from gateway import CLIENT_KEY, UPSTREAM_KEY, Gateway
from upstream import EMBEDDERS, MODELS, PICKY, upstream


class Try:
    """One client on its way to one upstream."""

    def __init__(self, adapter, kind, url, key, served, direct):
        self.kind, self.url, self.key, self.upstream, self.direct = kind, url, key, served, direct
        self.model = MODELS[kind]
        self.client = self.connect(adapter)

    def connect(self, adapter, model=None, key=None):
        return adapter(self.url, key or self.key, model or self.model)

    def user(self, *said):
        return self.client.user(*said)

    def ask(self, text, **options):
        return self.client.ask(self.user(text), **options)

    def seen(self):
        """What the upstream was told last."""
        return self.upstream.last().view

    def status_for(self, status):
        """A key that is refused upstream is not the client's fault, so the gateway says 502."""
        return 502 if status == 401 and not self.direct else status


class Wanted:
    """`--only client:upstream:case`; an empty part means all of them."""

    def __init__(self, pattern):
        self.parts = [*(pattern or "").split(":"), "", ""][:3]

    def __call__(self, *names):
        return all(part in ("", name) for part, name in zip(self.parts, names))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--direct", action="store_true", help="without a gateway: each SDK to the upstream of its own dialect"
    )
    parser.add_argument(
        "--only", metavar="CLIENT:UPSTREAM:CASE", help="for instance anthropic:google:tools, openai, ::steps"
    )
    parser.add_argument("--record", type=Path, metavar="DIR", help="keep a full request of each SDK in this directory")
    arguments = parser.parse_args()
    wanted, clients, begun = Wanted(arguments.only), adapters(), time.monotonic()
    results = {}
    for kind in MODELS:
        served = upstream(kind, UPSTREAM_KEY)
        try:
            results |= on_upstream(kind, served, clients, wanted, arguments)
        finally:
            served.close()
    return conclude(results, clients, time.monotonic() - begun)


def on_upstream(kind, served, clients, wanted, arguments):
    chosen = [
        (name, case)
        for name, adapter in clients.items()
        if not arguments.direct or adapter.native == kind
        for case in cases.applicable(name, kind, arguments.direct)
        if wanted(name, kind, case.__name__)
    ]
    edges = kind == "openai_compatible" and not arguments.direct and wanted("edge", kind, "")
    if arguments.direct:
        results = run(chosen, kind, clients, served.url, UPSTREAM_KEY, served, direct=True)
        results |= {
            ("strict", kind, what): attempt(lambda _, row=row: strictness.refused(served, *row), None)
            for what, *row in strictness.ROWS[kind]
            if wanted("strict", kind, what)
        }
        if arguments.record:
            recording.sdk_requests(arguments.record, kind, clients, served)
        return results
    if not chosen and not edges:
        return {}
    return behind_a_gateway(kind, served, clients, chosen, edges)


def behind_a_gateway(kind, served, clients, chosen, edges):
    with tempfile.TemporaryDirectory() as home:
        models = [MODELS[kind], PICKY.get(kind), EMBEDDERS.get(kind), "hear" if edges else None]
        models = list(dict.fromkeys(filter(None, models)))
        try:
            gateway = Gateway(kind, served.url, home, models)
        except RuntimeError as error:
            return {("gateway", kind, "starts"): str(error)}
        try:
            results = run(chosen, kind, clients, gateway.url, CLIENT_KEY, served, direct=False)
            if edges:
                results |= run_edges(gateway, served)
        finally:
            code = gateway.stop()
        said = gateway.said()
    if any(results.values()):
        print(f"--- the gateway on {kind} said:\n{said}")
    leaks = [key for key in (UPSTREAM_KEY, CLIENT_KEY) if key in said]
    return results | {
        ("gateway", kind, "ends well"): code and f"it ended with {code}",
        ("gateway", kind, "keeps its keys"): leaks and "the log shows a key",
    }


def run(chosen, kind, clients, url, key, served, direct):
    return {
        (name, kind, case.__name__): attempt(case, Try(clients[name], kind, url, key, served, direct))
        for name, case in chosen
    }


def run_edges(gateway, served):
    tests = edge.Tests(gateway, served)
    names = [name for name in dir(tests) if name.startswith("test_")]
    return {
        ("edge", "openai_compatible", name): attempt(lambda _, name=name: getattr(tests, name)(), None)
        for name in names
    }


def attempt(case, at):
    """What went wrong, or nothing."""
    asked = at and len(at.upstream.requests)
    try:
        case(at)
    except Exception as error:
        said = (
            [
                f"    upstream: {request.method} {request.path} → {request.status} {request.refusal or ''}"
                for request in at.upstream.requests[asked:]
            ]
            if at
            else []
        )
        where = traceback.extract_tb(error.__traceback__)[-1]
        return "\n".join(
            [f"{type(error).__name__}: {error}"[:600], f"    at {Path(where.filename).name}:{where.lineno}", *said[-3:]]
        )
    return None


def conclude(results, clients, seconds):
    failed = {names: problem for names, problem in results.items() if problem}
    for names, problem in failed.items():
        print(f"FAILED  {':'.join(names)}\n    {problem}")
    print(f"\n{'client':10}" + "".join(f"{kind:>20}" for kind in MODELS))
    for client in dict.fromkeys(name for name, _, _ in results):
        print(f"{client:10}" + "".join(f"{score(results, client, kind):>20}" for kind in MODELS))
    versions = dict.fromkeys(
        f"{adapter.__module__.removeprefix('clients.').split('_')[0]} {adapter.version}" for adapter in clients.values()
    )
    print(f"\n{', '.join(versions)}: {len(results) - len(failed)} of {len(results)} hold, {seconds:.1f} s")
    if not results:
        print("nothing was chosen")
    return 1 if failed or not results else 0


def score(results, client, kind):
    held = [not problem for (name, on, _), problem in results.items() if (name, on) == (client, kind)]
    return f"{sum(held)}/{len(held)}" if held else "–"


if __name__ == "__main__":
    sys.exit(main())
