"""`autogw connect` with the real clients: connected by their own files, asked, and put back.

Each client has a home of its own with files as a person would have them, and no variable that could
connect it. It is connected, runs a turn through a gateway that asks for a key, and is put back: byte for
byte where it left its files alone, else with its own changes and without ours. Run it with
`tests/clients/run --connect`.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

KEY = "client-key-9e41"
PATIENCE = 180
# What every answer of the simulated provider has.
ANSWER = "a demo provider built into autogw"

CLAUDE = """{
  "permissions": {
    "allow": ["Bash(ls:*)"]
  },
  "env": { "FOO": "bar" },
    "includeCoAuthoredBy":   false
}
"""
CODEX = """# How I like it
model = "gpt-5.6"   # for now
approval_policy = "on-request"

[mcp_servers.notes]
command = "notes-mcp"
enabled = false
"""
GEMINI = """{
    "general": { "vimMode": true },
    "security": {
        "auth": {
            "selectedType": "gemini-api-key"
        }
    }
}
"""
GEMINI_ENV = "# my own\nGEMINI_API_KEY=AIza-not-a-key\nFOO=bar\n"
OPENCODE = """{
  "$schema": "https://opencode.ai/config.json",
  // mine
  "theme": "gruvbox",
  "provider": {},
}
"""
AIDER = """# aider
dark-mode: true
model: sonnet   # usually

read:
  - NOTES.md
analytics-disable: true
check-update: false
"""
CONTINUE = """name: Mine
version: 1.0.0
schema: v1
models:
  # at home
  - name: Local
    provider: ollama
    model: qwen3
context:
  - provider: diff
"""
LLM = """- model_id: local
  model_name: qwen3
  api_base: http://localhost:11434/v1
"""

# Each client: its program, its files and how it is asked for one answer.
CLIENTS = {
    "claude-code": ("claude", {".claude/settings.json": CLAUDE}, ["-p", "hello"]),
    "codex": ("codex", {".codex/config.toml": CODEX}, ["exec", "--skip-git-repo-check", "hello"]),
    "gemini-cli": (
        "gemini",
        {".gemini/settings.json": GEMINI, ".gemini/.env": GEMINI_ENV},
        ["--skip-trust", "-p", "hello"],
    ),
    "opencode": ("opencode", {".config/opencode/opencode.json": OPENCODE}, ["run", "hello"]),
    "aider": ("aider", {".aider.conf.yml": AIDER}, ["--no-git", "--yes-always", "--message", "hello"]),
    "continue": ("cn", {".continue/config.yaml": CONTINUE}, ["-p", "hello"]),
    "llm": (
        "llm",
        {
            ".config/io.datasette.llm/extra-openai-models.yaml": LLM,
            ".config/io.datasette.llm/keys.json": '{"openai": "sk-mine"}',
        },
        ["-m", "autogw/auto", "hello"],
    ),
}
# What makes a client change its files by itself, and what is in them then.
OWN_CHANGES = {
    "codex": ["mcp", "add", "theirs", "--", "their-mcp"],
    "gemini-cli": ["mcp", "add", "--scope", "user", "theirs", "their-mcp"],
    "llm": ["keys", "set", "theirs", "--value", "their-key"],
}
# Those that no file makes choose us where they have models already; they are connected without any.
FRESH_ONLY = {"continue"}
# Those that are not installed with the others: they are checked where they are on PATH.
FOUND_ONLY = {"continue", "llm"}
# Those that cannot be started connected, or are told the model by an argument of ours.
NOT_STARTED = {"continue", "llm"}


class Home:
    """A home directory with a gateway of its own."""

    def __init__(self, directory):
        self.path = Path(directory) / "home"
        self.work = Path(directory) / "work"
        self.work.mkdir()
        ours = self.path / ".auto-gateway"
        ours.mkdir(parents=True, mode=0o700)
        config = {"server": {"api_key": KEY}, "providers": [{"name": "demo", "type": "demo"}]}
        (ours / "config.json").write_text(json.dumps(config))
        os.chmod(ours / "config.json", 0o600)
        self.log = open(Path(directory) / "gateway", "w+")
        self.gateway = subprocess.Popen(
            [os.environ["AUTOGW_BIN"], "start", "--port", "0", "--json"],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        watchdog = threading.Timer(60, self.gateway.kill)
        watchdog.start()
        line = self.gateway.stdout.readline()
        watchdog.cancel()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"the gateway did not start:\n{self.log.read()}")
        self.url = json.loads(line)["url"]

    def environment(self):
        # Nothing of the caller's own accounts and settings gets in, and nothing that connects.
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
        }

    def execute(self, *command):
        process = subprocess.Popen(
            command,
            env=self.environment(),
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            output += "\n(it took too long)"
        return process.returncode, output

    def autogw(self, *arguments):
        code, output = self.execute(os.environ["AUTOGW_BIN"], *arguments)
        if code:
            raise AssertionError(f"autogw {' '.join(arguments)}: exit code {code}\n{output}")
        return output

    def requests(self):
        lines = self.autogw("requests", "--json", "--limit", "200").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def put(self, files):
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def files(self, names):
        """The bytes of each; nothing where there is no such file."""
        return {name: (self.path / name).read_bytes() for name in names if (self.path / name).exists()}

    def tree(self):
        """Everything but what is autogw's own: modes, bytes, and where links lead."""

        def held(path):
            if path.is_symlink():
                return os.readlink(path)
            return path.is_file() and path.read_bytes()

        paths = (path for path in self.path.rglob("*") if ".auto-gateway" not in path.parts)
        return {path: (path.lstat().st_mode, held(path)) for path in paths}

    def link(self, names):
        """Makes each a link to a file that others may read, as those have it who keep their dotfiles together."""
        for name in names:
            path, kept = self.path / name, self.path / "dotfiles" / name.replace("/", "-")
            kept.parent.mkdir(exist_ok=True)
            path.rename(kept)
            kept.chmod(0o644)
            path.symlink_to(kept)

    def stop(self):
        self.gateway.send_signal(signal.SIGTERM)
        try:
            self.gateway.wait(timeout=15)
        finally:
            self.gateway.kill()
            self.log.close()


def turn(home, command):
    """The client answers, through the gateway; returns the models and paths that it asked for."""
    before = len(home.requests())
    code, output = home.execute(*command)
    asked = home.requests()[before:]
    assert code == 0, f"{command[0]}: exit code {code}\n{output}"
    assert ANSWER in output, f"{command[0]} did not tell the answer\n{output}"
    assert asked, f"{command[0]} did not ask the gateway\n{output}"
    refused = [request for request in asked if request.get("status") not in (200, None)]
    assert not refused, f"{command[0]} was refused: {json.dumps(refused)}"
    return sorted({str(request.get("model")) for request in asked})


def connected(home, client, files, command):
    """Connected by its files, asked, and put back. Returns what was seen."""
    before = home.files(files)
    home.autogw("connect", client)
    written = home.files(files)
    assert written != before, "nothing was written"
    assert any(KEY.encode() in text for text in written.values()), "no file has the key"
    models = turn(home, command)
    after = home.files(files)
    changed = sorted(name for name in files if after.get(name) != written.get(name))
    home.autogw("connect", client, "--undo")
    put_back(home, before, changed)
    for name in changed:
        text = home.files(files).get(name, b"")
        assert KEY.encode() not in text and home.url.encode() not in text, f"{name} has ours\n{text.decode()}"
    return f"asked for {', '.join(models)}" + (f"; changed {', '.join(changed)} itself" if changed else "")


def put_back(home, before, changed=()):
    now = home.files(set(before) | set(CLIENTS_FILES))
    for name in sorted(set(now) | set(before)):
        if name not in changed:
            assert now.get(name) == before.get(name), f"{name} is not as it was:\n{now.get(name)}\n{before.get(name)}"


CLIENTS_FILES = [name for _, files, _ in CLIENTS.values() for name in files]


def there_and_back(home, client):
    """Connected twice and put back, without a turn between: every byte, mode, link and directory."""
    before = home.tree()
    home.autogw("connect", client)
    home.autogw("connect", client, "--model", "demo-chat")
    assert home.tree() != before, "nothing was written"
    home.autogw("connect", client, "--undo")
    after = home.tree()
    other = sorted(str(path) for path in set(before) | set(after) if before.get(path) != after.get(path))
    assert not other, f"not as before: {', '.join(other)}"


def started(home, client, files, arguments):
    """Started connected: it answers, and our hands stay off its files."""
    before = home.files(files)
    models = turn(home, [os.environ["AUTOGW_BIN"], "connect", client, "--run", "--", *arguments])
    now = home.files(files)
    for name in set(before) | set(now):
        text = now.get(name, b"")
        assert KEY.encode() not in text and home.url.encode() not in text, f"{name} was touched"
    return models


def changed_by_itself(home, client, files, program):
    """Its own change, made while it was connected, outlives that."""
    before = home.files(files)
    home.autogw("connect", client)
    written = home.files(files)
    code, output = home.execute(program, *OWN_CHANGES[client])
    assert code == 0, f"{program} {' '.join(OWN_CHANGES[client])}: exit code {code}\n{output}"
    changed = [name for name in files if home.files(files).get(name) != written.get(name)]
    assert changed, f"{program} did not change its files\n{output}"
    home.autogw("connect", client, "--undo")
    put_back(home, before, changed)
    for name in changed:
        text = home.files(files)[name].decode()
        assert "theirs" in text, f"{name} lost its own\n{text}"
        assert KEY not in text and home.url not in text, f"{name} has ours\n{text}"
    home.put({name: text.decode() for name, text in before.items()})
    return f"; changed {', '.join(changed)} itself, and kept that"


def check(client):
    program, files, arguments = CLIENTS[client]
    with tempfile.TemporaryDirectory() as directory:
        home = Home(directory)
        try:
            there_and_back(home, client)
            home.put(files)
            there_and_back(home, client)
            home.link(files)
            there_and_back(home, client)
            for name in files:
                (home.path / name).unlink()
            home.put(files)
            if client in FRESH_ONLY:
                for name in files:
                    (home.path / name).unlink()
            seen = connected(home, client, files, [program, *arguments])
            if client not in NOT_STARTED:
                started(home, client, files, arguments)
            if client in OWN_CHANGES:
                seen += changed_by_itself(home, client, files, program)
            for name in files:
                (home.path / name).unlink(missing_ok=True)
            connected(home, client, files, [program, *arguments])
            return seen
        finally:
            home.stop()


def version(program):
    said = subprocess.run([program, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    lines = (said.stdout or said.stderr).split("\n")
    return lines[0].strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connect", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=CLIENTS, help="one client")
    only = parser.parse_args().only
    chosen = [only] if only else list(CLIENTS)
    failed = 0
    for client in chosen:
        program = CLIENTS[client][0]
        if not shutil.which(program):
            print(f"SKIPPED  {client}: there is no `{program}`", flush=True)
            failed += os.environ.get("AUTOGW_CLIENTS") == "required" and client not in FOUND_ONLY
            continue
        try:
            seen = check(client)
            print(f"ok      {client:12} {version(program)}: {seen}", flush=True)
        except (AssertionError, RuntimeError) as problem:
            failed += 1
            print(f"FAILED  {client:12} {version(program)}: {problem}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
