"""Coding agents as clients: each runs one turn that uses a tool, headless, in a home of its own.

The scripted model asks for a shell command through whatever tool the agent offers, and repeats what the
tool printed. So the turn holds only if the request, the stream and the second request all do. Run it with
`tests/clients/run`, which brings the agents.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sdk"))

import recording
from gateway import CLIENT_KEY, UPSTREAM_KEY, Gateway
from upstream import MODELS, plan, upstream

PROMPT = "Please run the command. #shell"
PATIENCE = 120


def claude(home, url, key, model):
    environment = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": key,
        "ANTHROPIC_MODEL": model,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return ["claude", "-p", PROMPT, "--output-format", "json", "--allowedTools", "Bash"], environment


def codex(home, url, key, model):
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(f"""\
model = "{model}"
model_provider = "autogw"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.autogw]
name = "autogw"
base_url = "{url}/v1"
env_key = "AUTOGW_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
""")
    return ["codex", "exec", "--skip-git-repo-check", "--json", PROMPT], {"AUTOGW_KEY": key}


def gemini(home, url, key, model):
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
    }
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    environment = {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    return ["gemini", "-m", model, "--yolo", "-o", "json", "-p", PROMPT], environment


AGENTS = {"claude": claude, "codex": codex, "gemini": gemini}
# The upstream that speaks an agent's own dialect.
NATIVE = {"claude": "anthropic", "codex": "openai", "gemini": "google"}
# Agents send other requests for models that they know by name, so some get such a name, and the gateway's
# configuration has what serves it: Claude Code then speaks of the environment in a system message, Codex
# declares its tools in the input and wants JavaScript for the shell.
ALIASES = {"claude": "claude-opus-5-5", "codex": "gpt-6-sol", "gemini": "gemini-3.8-flash"}


def turns(direct):
    """(agent, upstream, model): every agent everywhere, and under a name it knows."""
    for agent, native in NATIVE.items():
        kinds = [native] if direct else list(MODELS)
        yield from ((agent, kind, MODELS[kind]) for kind in kinds)
        yield from ((agent, kind, ALIASES[agent]) for kind in kinds)


def run(agent, url, key, model):
    """One turn; returns what went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        home, work = Path(scratch) / "home", Path(scratch) / "work"
        home.mkdir()
        work.mkdir()
        command, environment = AGENTS[agent](home, url, key, model)
        code, output = execute(command, environment | base_environment(home), work)
        made = (work / "file").read_text() if (work / "file").exists() else ""
    if code:
        return f"exit code {code}\n{output}"
    if plan.SECRET not in made:
        return f"the command did not run\n{output}"
    if "unsupported call" in output:
        return f"the agent did not know the name of its tool\n{output}"
    if "The tool said" not in output or plan.SECRET not in output.split("The tool said", 1)[1]:
        return f"the answer does not have the tool's output\n{output}"
    return None


def base_environment(home):
    # Nothing of the caller's own accounts and settings gets in.
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LANG": "C.UTF-8", "NO_COLOR": "1"}


def execute(command, environment, work):
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return "timeout", output


def through(agent, kind, model, direct):
    """The agent on an upstream of this kind, through the gateway unless it is to go there itself."""
    served = upstream(kind, UPSTREAM_KEY)
    try:
        if direct:
            return served, run(agent, served.url, UPSTREAM_KEY, model)
        with tempfile.TemporaryDirectory() as home:
            gateway = Gateway(kind, served.url, home, {model: {"upstream": MODELS[kind]}})
            try:
                problem = run(agent, gateway.url, CLIENT_KEY, model)
            finally:
                gateway.stop()
            return served, problem and f"{problem}\n{gateway.said()}"
    except RuntimeError as error:
        return served, str(error)
    finally:
        served.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--direct", action="store_true", help="without a gateway, to an upstream of the agent's own dialect"
    )
    parser.add_argument(
        "--only", default="", metavar="AGENT:UPSTREAM", help="for instance codex:anthropic, claude, :google"
    )
    parser.add_argument("--model", help="the model's name, instead of the usual ones")
    parser.add_argument("--record", type=Path, metavar="DIR", help="keep the requests in this directory, scrubbed")
    arguments = parser.parse_args()
    only, _, on = arguments.only.partition(":")
    chosen = [
        (agent, kind, arguments.model or model)
        for agent, kind, model in turns(arguments.direct)
        if only in ("", agent) and on in ("", kind)
    ]
    failed = [turn for turn in dict.fromkeys(chosen) if not report(*turn, arguments)]
    print(f"{len(failed)} of {len(set(chosen))} turns failed" if failed else f"all {len(set(chosen))} turns hold")
    return 1 if failed or not chosen else 0


def report(agent, kind, model, arguments):
    begun = time.monotonic()
    served, problem = through(agent, kind, model, arguments.direct)
    seconds = time.monotonic() - begun
    seen = ", ".join(f"{request.path} {request.status}" for request in served.requests if request.method == "POST")
    print(
        f"{'FAILED' if problem else 'ok    '}  {agent:7} as {model:18} → {kind:18} {seconds:4.1f} s  {seen}", flush=True
    )
    if problem:
        refusals = [f"    upstream: {request.refusal}\n" for request in served.requests if request.refusal]
        print("".join(refusals) + problem)
    if arguments.record:
        recording.write(arguments.record, served.requests)
    return not problem


if __name__ == "__main__":
    sys.exit(main())
