"""Proof that the scripted upstreams are as strict as the services they stand for.

Each row is a request that the real service refuses, and words of its refusal; beside it stands one that it takes.
Without this a case could hold only because nobody looked.
"""

import json
import urllib.error
import urllib.request

from gateway import UPSTREAM_KEY

SENTINEL = "skip_thought_signature_validator"


def chat(*messages, **more):
    return "/v1/chat/completions", {"model": "house-1", "messages": list(messages) or [said("Hi")]} | more


def said(content, role="user"):
    return {"role": role, "content": content}


def chat_call(name="call_1"):
    call = {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def responses(*items, **more):
    return "/v1/responses", {"model": "gpt-5.6", "input": list(items) or "Hi"} | more


def messages(*turns, **more):
    body = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": list(turns) or [said("Hi")]} | more
    return "/v1/messages", {name: value for name, value in body.items() if value is not None}


def use(name="toolu_1"):
    return said([{"type": "tool_use", "id": name, "name": "f", "input": {}}], "assistant")


def result(name="toolu_1"):
    return {"type": "tool_result", "tool_use_id": name, "content": "1"}


def gemini(*contents, **more):
    path = "/v1beta/models/gemini-3-pro:generateContent"
    return path, {"contents": list(contents) or [parts({"text": "Hi"})]} | more


def parts(*listed, role="user"):
    return {"role": role, "parts": list(listed)}


def calls(*names, signature=SENTINEL):
    signed = {"thoughtSignature": signature} if signature else {}
    return parts(*({"functionCall": {"name": name, "args": {}}} | signed for name in names), role="model")


def answers(*names):
    return parts(*({"functionResponse": {"name": name, "response": {"output": "1"}}} for name in names))


def declared(**function):
    return [{"functionDeclarations": [{"name": "f"} | function]}]


HI = said("Hi")
GEMINI_HI = parts({"text": "Hi"})
THOUGHT = {"type": "thinking", "thinking": "Hm", "signature": "c29tZWJvZHkncw=="}
# (what, request, words of the refusal); None: the request is fine.
ROWS = {
    "openai_compatible": [
        ("plain", chat(), None),
        ("unknown field", chat(thinking={"type": "enabled"}), "Unrecognized request argument"),
        ("unknown role", chat(said("Hi", "model")), "Invalid value: 'model'"),
        ("tool call answered", chat(HI, chat_call(), {"role": "tool", "tool_call_id": "call_1", "content": "1"}), None),
        ("tool call unanswered", chat(HI, chat_call(), HI), "must be followed by tool messages"),
        (
            "tool result from nowhere",
            chat(HI, {"role": "tool", "tool_call_id": "call_1", "content": "1"}),
            "must be a response",
        ),
        ("tool choice without tools", chat(tool_choice="auto"), "only allowed when 'tools'"),
        ("foreign part", chat(said([{"type": "image", "source": {}}])), "Invalid value: 'image'"),
        ("no content", chat(said(None)), "expected a string, got null"),
    ],
    "openai": [
        ("plain", responses(), None),
        ("chat's tools", responses(tools=[{"type": "function", "function": {"name": "f"}}]), "tools[0].name"),
        ("unknown field", responses(messages=[]), "Unknown parameter: 'messages'"),
        ("temperature", responses(temperature=0.2), "'temperature' is not supported"),
        ("chat's part", responses(said([{"type": "text", "text": "Hi"}])), "Invalid value: 'text'"),
        (
            "call unanswered",
            responses({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}),
            "No tool output found",
        ),
        (
            "output from nowhere",
            responses({"type": "function_call_output", "call_id": "c", "output": "1"}),
            "No tool call found",
        ),
        (
            "reasoning of another",
            responses({"type": "reasoning", "summary": [], "encrypted_content": "agw1.x"}, HI),
            "could not be verified",
        ),
        (
            "chat with tools",
            chat(model="gpt-5.6", tools=[{"type": "function", "function": {"name": "f"}}]),
            "use /v1/responses",
        ),
    ],
    "anthropic": [
        ("plain", messages(), None),
        ("no max_tokens", messages(max_tokens=None), "max_tokens: Field required"),
        ("unknown field", messages(seed=1), "seed: Extra inputs are not permitted"),
        ("unknown field in a block", messages(said([{"type": "text", "text": "Hi", "index": 0}])), "Extra inputs"),
        ("empty text", messages(said([{"type": "text", "text": ""}])), "must be non-empty"),
        ("same role twice", messages(HI, HI), None),
        ("assistant first", messages(said("Hi", "assistant"), HI), "first message"),
        ("prefill", messages(HI, said("Well", "assistant")), "prefill"),
        ("prefill, old model", messages(HI, said("Well", "assistant"), model="claude-sonnet-4-5"), None),
        ("temperature, old model", messages(temperature=0.2), None),
        ("temperature", messages(temperature=0.2, model="claude-opus-4-7"), "temperature: is not supported"),
        ("result", messages(HI, use(), said([result()])), None),
        (
            "result after text",
            messages(HI, use(), said([{"type": "text", "text": "So"}, result()])),
            "immediately after",
        ),
        ("result missing", messages(HI, use(), HI), "immediately after"),
        ("result from nowhere", messages(HI, said([result()])), "unexpected `tool_use_id`"),
        (
            "thoughts of another",
            messages(HI, said([THOUGHT, {"type": "text", "text": "So"}], "assistant"), HI),
            "Invalid `signature`",
        ),
        ("system in messages, old model", messages(HI, said("Be brief", "system")), "Input should be"),
        ("system in messages", messages(HI, said("Be brief", "system"), model="claude-opus-5"), None),
        ("small budget", messages(thinking={"type": "enabled", "budget_tokens": 10}), "greater than or equal to 1024"),
        (
            "open schema",
            messages(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}),
            "additionalProperties",
        ),
    ],
    "google": [
        ("plain", gemini(), None),
        ("snake case", gemini(system_instruction={"parts": [{"text": "Be brief"}]}), None),
        ("unknown field", gemini(messages=[]), 'Unknown name \\"messages\\"'),
        ("unknown field in a part", gemini(parts({"text": "Hi", "type": "text"})), 'Unknown name \\"type\\"'),
        ("system role", gemini(parts({"text": "Hi"}, role="system")), "valid role"),
        (
            "$schema",
            gemini(tools=declared(parameters={"type": "object", "$schema": "x"})),
            'Unknown name \\"$schema\\"',
        ),
        (
            "additionalProperties",
            gemini(tools=declared(parameters={"type": "object", "additionalProperties": False})),
            "additionalProperties",
        ),
        (
            "the same as JSON schema",
            gemini(tools=declared(parametersJsonSchema={"type": "object", "additionalProperties": False})),
            None,
        ),
        ("call unsigned", gemini(GEMINI_HI, calls("f", signature=None), answers("f")), "missing a thought_signature"),
        ("call with the sentinel", gemini(GEMINI_HI, calls("f"), answers("f")), None),
        ("call signed by another", gemini(GEMINI_HI, calls("f", signature="YWd3MS54"), answers("f")), "not valid"),
        ("too few responses", gemini(GEMINI_HI, calls("f", "g"), answers("f")), "equal to the number"),
        ("responses out of order", gemini(GEMINI_HI, calls("f", "g"), answers("g", "f")), "does not answer"),
        ("call first", gemini(calls("f"), answers("f")), "immediately after a user turn"),
        (
            "text beside a response",
            gemini(GEMINI_HI, calls("f"), parts(*answers("f")["parts"], {"text": "So"})),
            "other parts",
        ),
    ],
}


def refused(served, request, words):
    path, body = request
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    headers |= {"authorization": f"Bearer {UPSTREAM_KEY}", "x-goog-api-key": UPSTREAM_KEY}
    asked = urllib.request.Request(served.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            status, said = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, said = error.code, error.read().decode()
    assert status == (400 if words else 200), f"{status}: {said}"
    assert (words or "") in said, said
