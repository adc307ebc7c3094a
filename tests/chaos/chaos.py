"""Kills one of three upstreams under load and says what clients saw of it. See `run` beside it."""

import argparse
import asyncio
import collections
import json
import os
import signal
import sys
import tempfile

BINARY = os.environ["AUTOGW_BIN"]
NAMES = ["one", "two", "three"]
# Long enough for streams to be in the middle of an answer when their upstream dies.
DEMO = {"latency": "30ms", "tokens_per_second": 100, "answer_tokens": 30}
# What the first requests after the kill pay for: until enough have failed, the breaker is closed.
SETTLING = 2.0
PATIENCE = 30.0


class Gateway:
    """An `autogw start` of its own home, on the same port whenever it is started again."""

    def __init__(self, home, name, config):
        self.home, self.name, self.port, self.process = home, name, 0, None
        self.config = os.path.join(home, name + ".json")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(config, file)

    async def start(self):
        arguments = ["start", "--json", "--log-level", "error", "--config", self.config, "--port", str(self.port)]
        home = os.path.join(self.home, self.name)
        os.makedirs(home, mode=0o700, exist_ok=True)
        with open(os.path.join(self.home, self.name + ".log"), "ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                BINARY, *arguments, stdout=asyncio.subprocess.PIPE, stderr=log, stdin=asyncio.subprocess.DEVNULL,
                env={"AUTOGW_HOME": home, "HOME": home, "PATH": os.environ.get("PATH", "")})
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        if not line:
            raise SystemExit(f"{self.name} does not start: see {self.home}/{self.name}.log")
        self.port = int(json.loads(line)["url"].rsplit(":", 1)[1].rstrip("/"))

    async def end(self, how):
        if self.process and self.process.returncode is None:
            self.process.send_signal(how)
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except asyncio.TimeoutError:
                self.process.kill()
                await self.process.wait()


Seen = collections.namedtuple("Seen", "began streams verdict first whole target attempts")


def verdict(status, streams, head, body):
    """What a client makes of an answer: complete, told (cut short, and said so), lied, or failed."""
    if status != 200:
        return "failed"
    if not streams:
        length = int(head.get("content-length", len(body)))
        return "complete" if len(body) == length else "told"
    ended = body.rstrip().endswith(b"data: [DONE]")
    erred = b'"error":{' in body.replace(b" ", b"")
    if ended and not erred:
        return "complete"
    return "told" if erred and not ended else "lied"


async def answer(reader):
    line = await reader.readline()
    if not line:
        raise ConnectionError("no answer")
    status, head = int(line.split()[1]), {}
    while (line := (await reader.readline()).strip()):
        name, _, value = line.decode("latin-1").partition(":")
        head[name.lower()] = value.strip()
    return status, head


async def body_of(reader, head):
    if head.get("transfer-encoding") != "chunked":
        return await reader.read()
    body = b""
    while (line := (await reader.readline()).strip()):
        size = int(line, 16)
        if size == 0:
            break
        body += await reader.readexactly(size)
        await reader.readline()
    return body


async def ask(port, streams, zero):
    loop = asyncio.get_running_loop()
    began = loop.time()
    request = {"model": "demo-chat", "stream": streams, "messages": [{"role": "user", "content": "Say something."}]}
    payload = json.dumps(request).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n").encode()
    status, headers, body, first = 0, {}, b"", None
    writer = None
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head + payload)
            status, headers = await answer(reader)
            first = loop.time() - began
            body = await body_of(reader, headers)
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as error:
        if status == 0:
            body = repr(error).encode()
    finally:
        if writer:
            writer.close()
    seen = verdict(status, streams, headers, body)
    if seen in ("failed", "lied"):
        print(f"  {began - zero:6.2f} s: {seen}: {status} {body[:300]!r}", file=sys.stderr)
    return Seen(began - zero, streams, seen, first, loop.time() - began,
                headers.get("x-autogw-provider", "-"), headers.get("x-autogw-attempts", "-"))


async def load(port, seconds, rps, zero):
    """An open loop: a slow answer delays no request. Every other one streams."""
    loop = asyncio.get_running_loop()
    tasks = []
    for number in range(int(seconds * rps)):
        await asyncio.sleep(max(0.0, zero + number / rps - loop.time()))
        tasks.append(asyncio.create_task(ask(port, number % 2 == 0, zero)))
    return [await task for task in tasks]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] * 1000 if values else float("nan")


def times(seen, streams):
    good = [one for one in seen if one.streams == streams and one.verdict == "complete"]
    return [one.first if streams else one.whole for one in good]


def report(phases):
    print(f"{'':24}{'requests':>9} {'complete':>9} {'told':>5} {'lied':>5} {'failed':>7}   per target")
    for name, seen in phases.items():
        count = collections.Counter(one.verdict for one in seen)
        targets = collections.Counter(one.target for one in seen)
        shares = "  ".join(f"{target} {targets[target]}" for target in sorted(targets))
        print(f"{name:24}{len(seen):9} {count['complete']:9} {count['told']:5} {count['lied']:5} {count['failed']:7}   {shares}")
    print()
    for streams, what in ((True, "head of a stream"), (False, "whole answer")):
        for name, seen in phases.items():
            found = times(seen, streams)
            print(f"{what:20}{name:24} p50 {percentile(found, .50):7.1f} ms   p99 {percentile(found, .99):7.1f} ms")
    print()


def added(phases):
    calm, down = times(phases["calm"], True), times(phases["down, breaker open"], True)
    return percentile(down, .99) - percentile(calm, .99)


async def busiest(seen):
    counts = collections.Counter(one.target for one in seen)
    return max(NAMES, key=lambda name: counts[name])


async def run(options, home):
    quiet = {"persistence_path": None}
    upstreams = {name: Gateway(home, name, {"router": quiet, "server": {"drain": 0.1},
                                            "providers": [{"type": "demo", "name": name, "demo": DEMO}]}) for name in NAMES}
    front, loop = None, asyncio.get_running_loop()
    try:
        for upstream in upstreams.values():
            await upstream.start()
        providers = [{"type": "openai_compatible", "name": name, "base_url": f"http://127.0.0.1:{upstream.port}/v1",
                      "api_key": "none", "models": ["demo-chat"]} for name, upstream in upstreams.items()]
        front = Gateway(home, "front", {"router": quiet | {"strategy": options.strategy}, "server": {"drain": 0.1},
                                        "providers": providers})
        await front.start()
        await load(front.port, 1, options.rps, loop.time())
        zero = loop.time()
        seconds = options.before + options.outage + options.after
        loading = asyncio.create_task(load(front.port, seconds, options.rps, zero))
        warming = [await ask(front.port, False, zero) for _ in range(6)]
        await asyncio.sleep(options.before - (loop.time() - zero))
        victim = upstreams[await busiest(warming)]
        died = loop.time() - zero
        await victim.end(signal.SIGKILL)
        print(f"{victim.name} died after {died:.1f} s", flush=True)
        await asyncio.sleep(options.outage)
        await victim.start()
        back = loop.time() - zero
        print(f"{victim.name} was back after {back:.1f} s\n", flush=True)
        seen = await loading
    finally:
        for gateway in [front, *upstreams.values()]:
            if gateway:
                await gateway.end(signal.SIGTERM)
    between = lambda least, most: [one for one in seen if least <= one.began < most]
    # Answers that were under way at the kill belong to it.
    calm_end = died - 1.0
    return {"calm": between(0, calm_end), "dying": between(calm_end, died + SETTLING),
            "down, breaker open": between(died + SETTLING, back), "back": between(back, 1e9)}


def judge(phases, strict):
    faults = []
    every = [one for seen in phases.values() for one in seen]
    for wrong in ("failed", "lied"):
        count = sum(one.verdict == wrong for one in every)
        if count:
            faults.append(f"{count} of {len(every)} requests {wrong}")
    told = [one for name, seen in phases.items() if name != "dying" for one in seen if one.verdict == "told"]
    if told:
        faults.append(f"{len(told)} answers were cut when nothing died")
    more = added(phases)
    print(f"p99 of the head of a stream while the breaker is open: {more:+.1f} ms against calm")
    if strict and more > 5.0:
        faults.append("that is more than 5 ms")
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--before", type=float)
    parser.add_argument("--outage", type=float)
    parser.add_argument("--after", type=float)
    parser.add_argument("--rps", type=float, default=50)
    parser.add_argument("--strategy", default="adaptive")
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    usual = (8, 10, 8) if options.quick else (15, 60, 15)
    for name, value in zip(("before", "outage", "after"), usual):
        if getattr(options, name) is None:
            setattr(options, name, value)
    with tempfile.TemporaryDirectory(prefix="autogw-chaos-") as home:
        phases = asyncio.run(run(options, home))
    report(phases)
    faults = judge(phases, options.strict)
    for fault in faults:
        print("FAILED:", fault)
    print("FAILED" if faults else "OK")
    return 1 if faults else 0


sys.exit(main())
