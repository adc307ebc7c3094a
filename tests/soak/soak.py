"""Full load on a gateway with a dashboard attached, and what it costs. See `run` beside it."""

import argparse
import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

BINARY = os.environ["AUTOGW_BIN"]
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024
# A simulated provider without delays, one that fails now and then, and one that nobody needs.
DEMO = {"latency": "0ms", "jitter": "0ms", "tokens_per_second": 100000, "answer_tokens": 12}
CONFIG = {
    "router": {"strategy": "adaptive"},
    "providers": [
        {"type": "demo", "name": "one", "demo": DEMO},
        {"type": "demo", "name": "two", "demo": {**DEMO, "failure_rate": 0.02, "rate_limit_rate": 0.01, "seed": 2}},
        {"type": "demo", "name": "three", "demo": {**DEMO, "latency": "5ms", "seed": 3}},
    ],
}


def usage(pid):
    """Resident bytes and seconds of CPU of a process."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return resident, (int(fields[11]) + int(fields[12])) / TICKS


class Dashboard:
    """`autogw tui` at a terminal that somebody reads."""

    def __init__(self, env):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(BINARY, [BINARY, "tui"], {**env, "TERM": "xterm-256color", "LANG": "C.UTF-8"})
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self.drawn, self.tail, self.ended = 0, b"", False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:
                return
            if not piece:
                return
            self.drawn += len(piece)
            self.tail = (self.tail + piece)[-65536:]

    def lives(self):
        if not self.ended:
            self.ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return not self.ended

    def end(self):
        if self.lives():
            os.kill(self.pid, signal.SIGTERM)
            os.waitpid(self.pid, 0)


class Load:
    """Clients on connections that stay open. Every answer is counted by its status."""

    def __init__(self, port):
        self.port, self.statuses = port, {}
        self.until = 0.0

    async def client(self, pause):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        turn, began = 0, time.monotonic()
        while time.monotonic() < self.until:
            # By the clock, and not after each answer: else it would be fewer than was asked for.
            await asyncio.sleep(max(0, began + turn * pause - time.monotonic()))
            turn += 1
            body = json.dumps({"model": "demo-chat", "stream": turn % 3 == 0, "messages": [{"role": "user", "content": "hi"}]})
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode())
            status = await self.answer(reader)
            self.statuses[status] = self.statuses.get(status, 0) + 1
        writer.close()

    @staticmethod
    async def answer(reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        length = re.search(r"content-length: (\d+)", head)
        if length:
            await reader.readexactly(int(length[1]))
            return status
        while True:
            size = int((await reader.readline()).strip() or b"0", 16)
            await reader.readexactly(size + 2)
            if size == 0:
                return status

    async def run(self, seconds, clients, rate=None):
        self.until = time.monotonic() + seconds
        pause = clients / rate if rate else 0
        await asyncio.gather(*(self.client(pause) for _ in range(clients)))

    @property
    def total(self):
        return sum(self.statuses.values())


def scrape(port):
    """Answered requests as the metrics count them, by status."""
    import urllib.request
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    counts = {}
    for line in text.splitlines():
        found = re.match(r'proxy_requests_total\{(.*)\} (\d+)', line)
        if found:
            status = int(re.search(r'status="(\d+)"', found[1])[1])
            counts[status] = counts.get(status, 0) + int(float(found[2]))
    return counts


def share(before, after, seconds):
    """Percent of a core."""
    return 100 * (after[1] - before[1]) / seconds


async def measured(gateway, dashboard, load, seconds, rate, clients):
    before = usage(gateway), usage(dashboard)
    began = time.monotonic()
    if load:
        await load.run(seconds, clients, rate)
    else:
        await asyncio.sleep(seconds)
    took = time.monotonic() - began
    return tuple(share(one, usage(pid), took) for one, pid in zip(before, (gateway, dashboard)))


def flat(name, samples):
    """Whether the last third is no larger than the first after warming up, but for a tenth and 3 MiB."""
    samples = samples[len(samples) // 6:]
    third = max(1, len(samples) // 3)
    first, last = sorted(samples[:third])[third // 2], sorted(samples[-third:])[third // 2]
    ok = last <= first * 1.1 + 3 * MIB
    print(f"{name}: {first / MIB:.1f} -> {last / MIB:.1f} MiB, most {max(samples) / MIB:.1f}: {'flat' if ok else 'GROWS'}")
    return ok


async def soak(arguments):
    home = tempfile.mkdtemp(prefix="autogw-soak-")
    env = {"AUTOGW_HOME": home, "HOME": home, "PATH": os.environ.get("PATH", "")}
    with open(os.path.join(home, "config.json"), "w", encoding="utf-8") as file:
        json.dump(CONFIG, file)
    command = [BINARY, "start", "--json", "--port", "0", "--log-level", "warn"]
    gateway = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    dashboard = None
    try:
        port = int(json.loads(gateway.stdout.readline())["url"].rsplit(":", 1)[1].rstrip("/"))
        dashboard = Dashboard(env)
        await asyncio.sleep(3)
        if not dashboard.lives():
            print(f"the dashboard has ended: {dashboard.tail.decode(errors='replace')}")
            return False
        print(f"idle 10 s: gateway, dashboard {'%.1f %% and %.1f %% of a core' % await measured(gateway.pid, dashboard.pid, None, 10, None, 0)}")
        load = Load(port)
        costs = await measured(gateway.pid, dashboard.pid, load, 20, 500, 20)
        print(f"500 a second, 20 s: {load.total / 20:.0f}/s; gateway, dashboard {'%.1f %% and %.1f %%' % costs}")
        dashboard_is_cheap = costs[1] < 5
        memory = {"gateway": [], "dashboard": []}
        running = asyncio.create_task(load.run(arguments.minutes * 60, 32))
        began, before = time.monotonic(), load.total
        while not running.done():
            await asyncio.wait([running], timeout=2)
            memory["gateway"].append(usage(gateway.pid)[0])
            memory["dashboard"].append(usage(dashboard.pid)[0])
        await running
        took = time.monotonic() - began
        print(f"full load {took:.0f} s: {(load.total - before) / took:.0f}/s, {load.statuses}")
        ok = all([flat(name, samples) for name, samples in memory.items()])
        counted = scrape(port)
        same = counted == load.statuses
        print(f"metrics count {counted}: {'as sent' if same else 'NOT as sent'}")
        alive = dashboard.drawn > 0 and dashboard.lives() and gateway.poll() is None
        print(f"dashboard drew {dashboard.drawn / MIB:.1f} MiB, {'cheap' if dashboard_is_cheap else 'NOT cheap'}")
        return ok and same and alive and dashboard_is_cheap
    finally:
        if dashboard:
            dashboard.end()
        gateway.send_signal(signal.SIGTERM)
        try:
            gateway.wait(15)
        except subprocess.TimeoutExpired:
            gateway.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.minutes = 1
    sys.exit(0 if asyncio.run(soak(arguments)) else 1)


if __name__ == "__main__":
    main()
