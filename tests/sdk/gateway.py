"""The binary in front of one scripted upstream, on a free port, with a home of its own."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

CLIENT_KEY = "client-key-52c8"
UPSTREAM_KEY = "upstream-key-7d1f"
START_TIMEOUT = 60
STATUSES = (400, 401, 404, 429, 500, 529)


class Gateway:
    def __init__(self, kind, url, home, models=None):
        config = Path(home) / "config.json"
        config.write_text(json.dumps(configuration(kind, url, models)))
        os.chmod(config, 0o600)
        environment = dict(os.environ, AUTOGW_HOME=str(home))
        command = [os.environ["AUTOGW_BIN"], "start", "--config", str(config), "--port", "0", "--json"]
        self.log = open(Path(home) / "stderr", "w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)
        watchdog = threading.Timer(START_TIMEOUT, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise RuntimeError(f"the gateway did not start:\n{self.said()}")
        self.url = json.loads(line)["url"]

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def configuration(kind, url, models=None):
    """A provider per kind of failure, so that the rest after one does not touch the next case.

    Without `models` the main provider takes every name, as it does for the agents.
    """
    # The dialects with /v1 in their base address are OpenAI's; the others have versions in their paths.
    base = f"{url}/v1" if kind.startswith("openai") else url

    def provider(name, models):
        return {"type": kind, "name": name, "base_url": base, "api_key": UPSTREAM_KEY} | (
            {"models": models} if models else {}
        )

    failing = [provider(f"fails-{status}", [f"status-{status}"]) for status in STATUSES]
    return {
        "server": {"api_key": CLIENT_KEY},
        "router": {"persistence_path": None},
        "providers": [provider("main", models), *failing],
    }
