"""The wire of Anthropic's Messages API, as strict as the real service."""

import base64
import json
import re
import secrets
import uuid

from .plan import Call, Text, View, plan
from .serving import Refusal, asked_status, known, named, need, pieces

REQUEST = set(
    "model messages max_tokens system metadata stop_sequences stream temperature top_p top_k tools tool_choice thinking "
    "service_tier container context_management mcp_servers output_config cache_control inference_geo speed fallbacks "
    "diagnostics".split()
)
COUNT = REQUEST - {"max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata"}
BLOCKS = {
    "text": "text citations",
    "image": "source",
    "document": "source title context citations",
    "tool_use": "id name input caller",
    "tool_result": "tool_use_id content is_error",
    "thinking": "thinking signature",
    "redacted_thinking": "data",
    "search_result": "source title content citations",
    "server_tool_use": "id name input",
    "tool_reference": "tool_name",
}
TOOL = set(
    "name description input_schema strict cache_control defer_loading input_examples eager_input_streaming type "
    "allowed_callers".split()
)
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Anthropic:
    def __init__(self):
        # Signature → the thoughts it was given to.
        self.issued = {}

    def signatures(self):
        return set(self.issued)

    def authenticate(self, request, key):
        if request.headers.get("x-api-key") != key and request.bearer() != key:
            raise Refusal(401, "invalid x-api-key")
        need("anthropic-version" in request.headers, "anthropic-version: header is required")

    def error(self, refusal):
        kind = TYPES.get(refusal.status, "api_error")
        headers = {"request-id": f"req_{uuid.uuid4().hex[:20]}"}
        if refusal.status == 429:
            headers["retry-after"] = "7"
        body = {"type": "error", "error": {"type": kind, "message": refusal.message}}
        return refusal.status, headers, body | {"request_id": headers["request-id"]}

    def answer(self, request):
        if request.path == "/v1/models":
            return listing()
        if request.path == "/v1/messages/count_tokens":
            known(request.body, COUNT, "")
            return {"input_tokens": 100}
        if request.path == "/v1/messages" and request.method == "POST":
            return self.message(request)
        raise Refusal(404, "Not found")

    def message(self, request):
        body = request.body
        if status := asked_status(body["model"]):
            raise Refusal(status, f"The answer is {status}")
        check(body)
        self.check_thoughts(body)
        request.view = view(body)
        steps = plan(request.view)
        blocks = [self.block(block, request.view.shows) for block in steps.blocks]
        envelope = {
            "id": f"msg_{uuid.uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
        }
        if body.get("stream"):
            return events(steps, blocks, envelope)
        if steps.breaks:
            raise Refusal(500, "Internal server error")
        end = {"stop_reason": stop(steps), "stop_sequence": None}
        return envelope | {"content": blocks, "usage": usage(steps.usage)} | end

    def block(self, block, shows):
        if isinstance(block, Text):
            return {"type": "text", "text": block.text}
        if isinstance(block, Call):
            return {
                "type": "tool_use",
                "id": f"toolu_{uuid.uuid4().hex[:24]}",
                "name": block.name,
                "input": block.arguments,
            }
        signature = base64.b64encode(b"thought" + secrets.token_bytes(120)).decode()
        shown = block.text if shows else ""
        self.issued[signature] = shown
        return {"type": "thinking", "thinking": shown, "signature": signature}

    def check_thoughts(self, body):
        for at, message in enumerate(body["messages"]):
            for block in blocks_of(message):
                if block["type"] == "thinking":
                    issued = self.issued.get(block.get("signature"))
                    where = f"messages.{at}.content"
                    need(issued is not None, f"{where}: Invalid `signature` in `thinking` block")
                    need(
                        issued == block["thinking"],
                        f"{where}: `thinking` blocks in the latest assistant message cannot be modified.",
                    )


def version(model):
    """(family, (major, minor)) of a Claude model; the newest for a name that says nothing."""
    if found := re.match(r"claude-(\w+)-(\d+)(?:-(\d{1,2})(?!\d))?", model.rsplit("/", 1)[-1]):
        return found[1], (int(found[2]), int(found[3] or 0))
    return None, (99, 0)


def check(body):
    known(body, REQUEST, "")
    need(isinstance(body.get("max_tokens"), int), "max_tokens: Field required")
    need(body.get("messages"), "messages: at least one message is required")
    model = version(body["model"])[1]
    check_thinking(body, model)
    for name in ("temperature", "top_p", "top_k"):
        need(model < (4, 7) or body.get(name) in (None, 1, 1.0), f"{name}: is not supported with this model")
    need(0 <= (body.get("temperature") or 0) <= 1, "temperature: range: 0..1")
    for block in body["system"] if isinstance(body.get("system"), list) else []:
        check_block(block, "system")
    for at, tool in enumerate(body.get("tools") or []):
        check_tool(tool, f"tools.{at}.")
    if choice := body.get("tool_choice"):
        need(body.get("tools"), "tool_choice: may only be specified while providing tools")
        known(choice, {"type", "name", "disable_parallel_tool_use"}, "tool_choice.")
    if config := body.get("output_config"):
        known(config, {"effort", "format", "task_budget"}, "output_config.")
        if form := config.get("format"):
            known(form, {"type", "schema"}, "output_config.format.")
            check_schema(form["schema"], "output_config.format.schema")
    check_messages(body["messages"], model)


def check_thinking(body, model):
    thinking = body.get("thinking") or {}
    kind = thinking.get("type")
    known(thinking, {"type", "budget_tokens", "display"}, "thinking.")
    if kind == "enabled":
        need(model < (4, 7), "thinking.type: enabled is not supported with this model; use adaptive")
        need(
            1024 <= thinking.get("budget_tokens", 0),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        )
        need(
            thinking["budget_tokens"] < body["max_tokens"], "`max_tokens` must be greater than `thinking.budget_tokens`"
        )
        need(body.get("temperature") in (None, 1, 1.0), "`temperature` may only be set to 1 when thinking is enabled")
    need(kind != "adaptive" or model >= (4, 6), "thinking.type: adaptive is not supported with this model")
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    need(
        not forced or kind not in ("enabled", "adaptive"),
        "Thinking may not be enabled when tool_choice forces tool use.",
    )


def check_tool(tool, where):
    if tool.get("type", "custom") != "custom":
        return
    known(tool, TOOL, where)
    need(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool.get("name", "")), f"{where}name: String should match pattern")
    schema = tool.get("input_schema")
    need(isinstance(schema, dict), f"{where}input_schema: Field required")
    need(schema.get("type") == "object", f"{where}input_schema.type: Field required")


def check_schema(schema, where):
    """Structured output: objects are closed, and bounds are not enforced, so not accepted."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            need(
                schema.get("additionalProperties") is False,
                f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false",
            )
        for name in ("minimum", "maximum", "minLength", "maxLength", "oneOf"):
            need(name not in schema or "properties" in where[-10:], f"{where}: '{name}' is not supported")
        for name, inner in schema.items():
            check_schema(inner, f"{where}.{name}")
    for inner in schema if isinstance(schema, list) else []:
        check_schema(inner, where)


def check_messages(messages, model):
    pending = []
    need(messages[0]["role"] == "user", 'messages: first message must use the "user" role')
    for at, message in enumerate(messages):
        role, where = message["role"], f"messages.{at}"
        known(message, {"role", "content", "output_config"} if role == "system" else {"role", "content"}, f"{where}.")
        need(
            role in ("user", "assistant") or role == "system" and model >= (4, 8),
            f"{where}.role: Input should be 'user' or 'assistant'",
        )
        need(
            message["content"] or at == len(messages) - 1 and role == "assistant", f"{where}: content must be non-empty"
        )
        blocks = blocks_of(message)
        for block in blocks:
            check_block(block, f"{where}.content")
        answered = leading_results(blocks) if role == "user" else []
        check_pairs(pending, answered, blocks, where)
        pending = [block["id"] for block in blocks if block["type"] == "tool_use"]
    need(not pending, f"`tool_use` ids were found without `tool_result` blocks immediately after: {pending}")
    last = messages[-1]["role"]
    need(
        last != "assistant" or model < (4, 6),
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    )


def leading_results(blocks):
    found = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        found.append(block["tool_use_id"])
    return found


def check_pairs(pending, answered, blocks, where):
    missing = set(pending) - set(answered)
    need(
        not missing,
        f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {sorted(missing)}",
    )
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    strangers = set(results) - set(pending)
    need(not strangers, f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {sorted(strangers)}")
    need(len(results) == len(set(results)), f"{where}: each tool_use must have a single result")


def check_block(block, where):
    kind = block.get("type")
    need(kind in BLOCKS, f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
    known(block, {"type", "cache_control", *BLOCKS[kind].split()}, f"{where}.{kind}.")
    need(kind != "text" or block["text"], f"{where}: text content blocks must be non-empty")
    need(
        kind != "text" or block["text"].strip() or where == "system",
        f"{where}: text content blocks must contain non-whitespace text",
    )
    if kind == "image" and block["source"]["type"] == "base64":
        known(block["source"], {"type", "media_type", "data"}, f"{where}.image.source.")
        need(
            block["source"]["media_type"] in {"image/jpeg", "image/png", "image/gif", "image/webp"},
            f"{where}.image.source.base64.media_type: Input should be 'image/jpeg', …",
        )
    if kind == "tool_use":
        need(isinstance(block.get("input"), dict), f"{where}.tool_use.input: Input should be a valid dictionary")
        need(re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]), f"{where}.tool_use.id: String should match pattern")
    for inner in block["content"] if isinstance(block.get("content"), list) else []:
        check_block(inner, f"{where}.{kind}.content")


def blocks_of(message):
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def view(body):
    seen, names = View(model=body["model"]), {}
    seen.system = [block["text"] for block in blocks_of({"content": body.get("system") or []})]
    for message in body["messages"]:
        blocks = blocks_of(message)
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        if message["role"] == "system":
            seen.system += texts
        elif message["role"] == "assistant":
            for block in blocks:
                if block["type"] == "tool_use":
                    names[block["id"]] = block["name"]
                    seen.calls.append((block["name"], block["input"]))
                if block["type"] == "thinking":
                    seen.opaque.append(block["signature"])
        else:
            look_at_user(seen, blocks, texts, names)
    seen.tools = {tool["name"]: tool.get("input_schema") for tool in body.get("tools") or []}
    choice = body.get("tool_choice") or {}
    seen.choice = choice.get("name") or choice.get("type")
    seen.schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    thinking = body.get("thinking") or {}
    seen.thinks = thinking.get("type") in ("enabled", "adaptive") or version(body["model"])[1] >= (5, 0)
    # Up to 4.x thoughts are shown unless the client says otherwise, later only if it asks.
    default = "summarized" if version(body["model"])[1] < (5, 0) else "omitted"
    seen.shows = thinking.get("display", default) != "omitted"
    return seen


def look_at_user(seen, blocks, texts, names):
    results = [block for block in blocks if block["type"] == "tool_result"]
    # What agents add beside a result, such as reminders, is not a new question.
    if texts and not results:
        seen.said("\n".join(texts))
    for block in results:
        inner = blocks_of({"content": block.get("content") or []})
        seen.got(names[block["tool_use_id"]], "".join(part["text"] for part in inner if part["type"] == "text"))
        seen.images += images(inner)
    seen.images += images(blocks)


def images(blocks):
    sources = [block["source"] for block in blocks if block["type"] == "image"]
    return [
        (source["media_type"], base64.b64decode(source["data"], validate=True))
        if source["type"] == "base64"
        else (source["url"], b"")
        for source in sources
    ]


def events(steps, blocks, envelope):
    begun = usage(steps.usage) | {"output_tokens": 1}
    begun.pop("output_tokens_details", None)
    start = envelope | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": begun}
    yield named({"type": "message_start", "message": start})
    yield named({"type": "ping"})
    for index, block in enumerate(blocks):
        yield from block_events(index, block, steps.breaks)
        if steps.breaks:
            steps.break_here()
            yield named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
            return
    end = {"stop_reason": stop(steps), "stop_sequence": None}
    yield named({"type": "message_delta", "delta": end, "usage": usage(steps.usage)})
    yield named({"type": "message_stop"})


def block_events(index, block, breaks):
    kind = block["type"]
    empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}[kind]
    yield named({"type": "content_block_start", "index": index, "content_block": block | empty})
    for delta in deltas(block):
        # The service pads its JSON, so that nobody relies on its looks.
        yield named({"type": "content_block_delta", "index": index, "delta": delta}).replace("}}\n", "}      }\n")
    if not breaks:
        yield named({"type": "content_block_stop", "index": index})


def deltas(block):
    if block["type"] == "text":
        return [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    if block["type"] == "tool_use":
        # Nothing at all for a call without arguments.
        text = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
        return [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces(text)]]
    thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
    return [*thoughts, {"type": "signature_delta", "signature": block["signature"]}]


def stop(steps):
    return "tool_use" if steps.calls else "end_turn"


def usage(used):
    """Anthropic counts cached input beside the rest, not in it."""
    return {
        "input_tokens": used.input - used.cached,
        "cache_read_input_tokens": used.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": used.output,
        "output_tokens_details": {"thinking_tokens": used.reasoning},
    }


def listing():
    names = ("claude-sonnet-4-6", "claude-opus-4-8")
    data = [{"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in names]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}
