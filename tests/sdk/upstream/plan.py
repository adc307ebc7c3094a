"""What the scripted model does next, said in no dialect.

A word in the user's text chooses the script: `#tool`, `#parallel`, `#think`, … The state of the
conversation, that is how many tool results came since, chooses the step. So the upstreams hold no state of
their own but the signatures they handed out.
"""

import json
import re
from dataclasses import dataclass, field

HELLO = "Hello, wörld 🎉 你好 — done."
THOUGHTS = "Let me think… 🤔 twice."
BEFORE_CUT = "This sentence will never"
SECRET = "autogw-was-here"
SHELL_COMMAND = f"echo {SECRET} > file && cat file"
# What clients call the tool that runs a command, and the field the command goes to.
SHELLS = ("Bash", "exec_command", "shell_command", "shell", "run_shell_command", "bash", "exec")
# A tool of Codex that is declared within a namespace and needs no arguments.
LISTER = "list_agents"
# Codex has its newest models write JavaScript, as free text or in the one field that stands for it.
SHELL_SCRIPT = f"text((await tools.exec_command({{cmd: {json.dumps(SHELL_COMMAND)}}})).output)"


@dataclass
class Text:
    text: str


@dataclass
class Think:
    """Reasoning; each dialect signs it in its own way when it is sent."""

    text: str


@dataclass
class Call:
    """Arguments are an object, or text for a tool that takes free text."""

    name: str
    arguments: dict | str


@dataclass
class Usage:
    """`input` and `output` are totals: cached and reasoning tokens are part of them."""

    input: int = 100
    cached: int = 40
    output: int = 30
    reasoning: int = 12


class Cut(Exception):
    """The connection of a stream ends here, without a word."""


@dataclass
class Plan:
    blocks: list
    usage: Usage = field(default_factory=Usage)
    # "error": the stream says that it failed; "cut": its connection ends.
    breaks: str | None = None

    def break_here(self):
        if self.breaks == "cut":
            raise Cut

    @property
    def calls(self):
        return [block for block in self.blocks if isinstance(block, Call)]


@dataclass
class View:
    """What a request said, whatever its dialect. Lists are in the order of the conversation."""

    model: str = ""
    system: list = field(default_factory=list)
    texts: list = field(default_factory=list)
    # (media type, bytes) of each image that came inline.
    images: list = field(default_factory=list)
    # Name → JSON schema of the arguments, and name → namespace of those that have one.
    tools: dict = field(default_factory=dict)
    namespaces: dict = field(default_factory=dict)
    # Name of the tool the model is forced to call, "any", "none" or None.
    choice: str | None = None
    # (name, arguments) of each call in the history, and (name, text) of each result.
    calls: list = field(default_factory=list)
    results: list = field(default_factory=list)
    # Results after the user's last words.
    fresh: int = 0
    schema: dict | None = None
    # Signatures and encrypted reasoning that came back.
    opaque: list = field(default_factory=list)
    # Whether reasoning was asked for, and whether the client wants to read it.
    thinks: bool = False
    shows: bool = False

    def said(self, text):
        self.texts.append(text)
        self.fresh = 0

    def got(self, name, text):
        self.results.append((name, text))
        self.fresh += 1


def script(view):
    words = re.findall(r"#([a-z-]+)", " ".join(view.texts))
    return next((word for word in reversed(words) if word in SCRIPTS), "text")


def plan(view):
    # Agents ask side questions in the user's words, about which model to take for instance.
    if view.schema and not view.tools:
        return fill_schema(view)
    return SCRIPTS[script(view)](view)


def say_hello(_):
    return Plan([Text(HELLO)], Usage(reasoning=0, output=18))


def break_off(_):
    return Plan([Text(BEFORE_CUT)], breaks="error")


def cut_off(_):
    return Plan([Text(BEFORE_CUT)], breaks="cut")


def describe_image(view):
    kinds = ", ".join(f"{kind} of {len(data)} bytes" for kind, data in view.images)
    return Plan([Text(f"I see {kinds or 'nothing'}.")])


def fill_schema(view):
    properties = (view.schema or {}).get("properties", {})
    return Plan([Text(json.dumps({name: sample(schema) for name, schema in properties.items()}))])


def sample(schema):
    if schema.get("enum"):
        return schema["enum"][0]
    kind = str(schema.get("type")).lower()
    return {"integer": 7, "number": 1.5, "boolean": True, "array": [], "object": {}}.get(kind, "Zoë")


def conclusion(view):
    answers = "; ".join(text.strip() for _, text in view.results[-view.fresh :])
    return Text(f"The tool said: {answers}")


def one_call(view):
    if view.fresh:
        return Plan([conclusion(view)])
    return Plan([Text("I shall look. "), Call("weather", {"city": "Köln"})])


def two_calls(view):
    if view.fresh:
        return Plan([conclusion(view)])
    return Plan([Call("weather", {"city": "Paris"}), Call("clock", {})])


def think(_):
    return Plan([Think(THOUGHTS), Text(HELLO)])


def think_in_steps(view):
    """Two steps with a tool, each after some thought; the words come when both results are in."""
    if view.fresh >= 2:
        return Plan([Think(THOUGHTS), conclusion(view)])
    return Plan([Think(THOUGHTS), Call("weather", {"city": ("Paris", "Rome")[view.fresh]})])


def use_shell(view):
    """One command, after some thought, through whatever tool the client has for it.

    Then a tool out of a namespace, where there is one: Codex knows it only by both names.
    """
    name, lister = tool_among(view.tools, SHELLS), tool_among(view.tools, [LISTER])
    if view.fresh == 1 and lister:
        return Plan([Think(THOUGHTS), Call(lister, {})])
    if view.fresh:
        return Plan([Think(THOUGHTS), conclusion(view)])
    if name is None:
        return Plan([Text(f"There is no shell among {sorted(view.tools)}.")])
    return Plan([Think(THOUGHTS), Call(name, shell_arguments(view.tools[name]))])


def tool_among(tools, names):
    """Its name may have gained that of a namespace on the way."""
    suited = (tool for name in names for tool in tools if tool == name or re.search(rf"(__|\.|_){name}$", tool))
    return next(suited, None)


def shell_arguments(schema):
    if schema is None:
        return SHELL_SCRIPT
    if list(schema.get("properties", {})) == ["input"]:
        return {"input": SHELL_SCRIPT}
    properties = schema.get("properties", {})
    values = {name: sample(properties.get(name, {})) for name in schema.get("required", [])}
    field = "cmd" if "cmd" in properties else "command"
    listed = properties.get(field, {}).get("type", "string").lower() == "array"
    values[field] = ["bash", "-c", SHELL_COMMAND] if listed else SHELL_COMMAND
    return values


SCRIPTS = {
    "text": say_hello,
    "break": break_off,
    "cut": cut_off,
    "image": describe_image,
    "schema": fill_schema,
    "tool": one_call,
    "parallel": two_calls,
    "think": think,
    "think-steps": think_in_steps,
    "shell": use_shell,
}
