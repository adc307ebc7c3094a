"""The wire of OpenAI's Chat Completions, embeddings and models, as strict as the real service."""

import base64
import json
import struct
import uuid

from .openai_responses import Responses
from .plan import Call, Text, Think, View, plan
from .serving import Refusal, asked_status, data, need, pieces

REQUEST = set(
    "model messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty "
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format "
    "safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools "
    "top_logprobs top_p user verbosity web_search_options".split()
)
ROLES = {"developer", "system", "user", "assistant", "tool", "function"}
TYPES = {401: "invalid_request_error", 429: "requests", 500: "server_error", 503: "service_unavailable_error"}
CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
MESSAGES = {
    400: "'temperature' is out of range",
    401: "Incorrect API key provided: upstream-key-7d1f.",
    404: "The model does not exist",
    429: "Rate limit reached",
    500: "The server had an error",
    503: "The server is overloaded",
    529: "Overloaded",
}
VECTOR = [0.25, -1.5, 3.0]


class Chat:
    """A server that speaks OpenAI's Chat dialect and thinks aloud in `reasoning_content`."""

    models = ("house-1", "embed-1")

    def authenticate(self, request, key):
        if request.bearer() != key:
            raise Refusal(401, MESSAGES[401])

    def error(self, refusal):
        kind = TYPES.get(refusal.status, "invalid_request_error")
        error = {"message": refusal.message, "type": kind, "param": None, "code": CODES.get(refusal.status)}
        headers = {"retry-after": "7"} if refusal.status == 429 else {}
        return refusal.status, headers, {"error": error | refusal.more}

    def answer(self, request):
        path = request.path.removeprefix("/v1")
        if request.method == "GET" and path == "/models":
            listed = [{"id": name, "object": "model", "created": 1, "owned_by": "scripted"} for name in self.models]
            return {"object": "list", "data": listed}
        if path == "/embeddings":
            return embeddings(request.body)
        if path == "/audio/transcriptions":
            return {"text": f"{len(request.raw)} bytes heard"}
        if path == "/chat/completions":
            return self.complete(request)
        raise Refusal(404, f"Invalid URL ({request.method} {request.path})")

    def complete(self, request):
        body = request.body
        if status := asked_status(body["model"]):
            more = {"code": "unsupported_value", "param": "temperature"} if status == 400 else {}
            raise Refusal(status, MESSAGES[status], **more)
        check(body)
        self.check_model(body)
        request.view = view(body)
        steps = plan(request.view)
        envelope = {"id": f"chatcmpl-{uuid.uuid4().hex[:12]}", "created": 1, "model": body["model"]}
        if body.get("stream"):
            asked = (body.get("stream_options") or {}).get("include_usage")
            return events(steps, envelope | {"object": "chat.completion.chunk"}, asked)
        if steps.breaks:
            raise Refusal(500, MESSAGES[500])
        return completion(steps, envelope | {"object": "chat.completion"})

    def check_model(self, body):
        pass


class OpenAI(Chat):
    """OpenAI itself: Chat beside Responses, and newer models that want tools on the latter."""

    models = ("gpt-5.6", "text-embedding-3-small")

    def __init__(self):
        self.responses = Responses()

    def signatures(self):
        return set(self.responses.issued)

    def answer(self, request):
        if request.path.startswith("/v1/responses"):
            return self.responses.answer(request)
        return super().answer(request)

    def check_model(self, body):
        advice = "Please use /v1/responses or set reasoning_effort to 'none'."
        tools = body.get("tools") and body.get("reasoning_effort") != "none"
        need(not tools, f"Function tools with reasoning are not supported for {body['model']}. {advice}")
        for name in ("temperature", "top_p", "stop", "max_tokens"):
            need(name not in body, f"Unsupported parameter: '{name}' is not supported with this model.", param=name)


def check(body):
    for name in body:
        need(name in REQUEST, f"Unrecognized request argument supplied: {name}", param=name)
    need(body.get("messages"), "[] is too short - 'messages'", param="messages")
    need(body.get("tools") != [], "[] is too short - 'tools'", param="tools")
    if body.get("tool_choice") or "parallel_tool_calls" in body:
        need(body.get("tools"), "'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")
    for tool in body.get("tools") or []:
        check_tool(tool)
    if schema := (body.get("response_format") or {}).get("json_schema"):
        need(schema.get("name"), "Missing required parameter: 'response_format.json_schema.name'.")
        need(isinstance(schema.get("schema"), dict), "Missing 'response_format.json_schema.schema'.")
    check_messages(body["messages"])


def check_tool(tool):
    need(tool.get("type") in ("function", "custom"), f"Invalid value: '{tool.get('type')}'.", param="tools[0].type")
    inner = tool.get(tool["type"])
    need(isinstance(inner, dict) and inner.get("name"), "Missing required parameter: 'tools[0].function'.")
    for name in inner:
        need(
            name in {"name", "description", "parameters", "strict", "format"},
            f"Unknown parameter: 'tools[0].function.{name}'.",
        )


def check_messages(messages):
    open_calls = []
    for at, message in enumerate(messages):
        role, where = message.get("role"), f"messages.[{at}]"
        need(role in ROLES, f"Invalid value: '{role}'.", param=f"{where}.role")
        if role == "tool":
            need(
                message.get("tool_call_id") in open_calls,
                "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                param=f"{where}.role",
            )
            open_calls.remove(message["tool_call_id"])
            continue
        need(
            not open_calls,
            f"An assistant message with 'tool_calls' must be followed by tool messages. Missing: {open_calls}",
            param=where,
        )
        open_calls = [call["id"] for call in message.get("tool_calls") or []]
        need(len(open_calls) == len(set(open_calls)), "Duplicate tool call ids.", param=where)
        need(
            message.get("content") is not None or open_calls or role == "assistant" and message.get("refusal"),
            "Invalid value for 'content': expected a string, got null.",
            param=f"{where}.content",
        )
        check_parts(role, message.get("content"), where)
        for call in message.get("tool_calls") or []:
            need(
                call.get("type") in ("function", "custom"), f"Missing required parameter: '{where}.tool_calls[0].type'."
            )
            need(
                isinstance(call[call["type"]].get("arguments", ""), str),
                "Invalid type: expected a string.",
                param=f"{where}.tool_calls",
            )
    need(
        not open_calls,
        f"An assistant message with 'tool_calls' must be followed by tool messages. Missing: {open_calls}",
    )


def check_parts(role, content, where):
    allowed = {"user": {"text", "image_url", "input_audio", "file"}, "assistant": {"text", "refusal"}}.get(
        role, {"text"}
    )
    for part in content if isinstance(content, list) else []:
        need(part.get("type") in allowed, f"Invalid value: '{part.get('type')}'.", param=f"{where}.content[0].type")
        need(
            part["type"] != "image_url" or isinstance(part["image_url"], dict),
            "Invalid type for 'image_url'.",
            param=where,
        )


def view(body):
    """What the request said, for the plan and for the tests."""
    seen, names = View(model=body["model"]), {}
    for message in body["messages"]:
        texts = [part["text"] for part in parts_of(message) if part["type"] == "text"]
        if message["role"] in ("system", "developer"):
            seen.system += texts
        elif message["role"] == "user":
            seen.said("\n".join(texts))
            seen.images += [
                image(part["image_url"]["url"]) for part in parts_of(message) if part["type"] == "image_url"
            ]
        elif message["role"] == "tool":
            seen.got(names[message["tool_call_id"]], "".join(texts))
        for call in message.get("tool_calls") or []:
            names[call["id"]] = call["function"]["name"]
            seen.calls.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
    for tool in body.get("tools") or []:
        inner = tool[tool["type"]]
        seen.tools[inner["name"]] = inner.get("parameters")
    choice = body.get("tool_choice")
    seen.choice = choice["function"]["name"] if isinstance(choice, dict) else choice
    seen.schema = ((body.get("response_format") or {}).get("json_schema") or {}).get("schema")
    seen.thinks = seen.shows = body.get("reasoning_effort") not in (None, "none")
    return seen


def parts_of(message):
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def image(url):
    head, _, encoded = url.partition(";base64,")
    return (head.removeprefix("data:"), base64.b64decode(encoded, validate=True)) if encoded else (url, b"")


def completion(steps, envelope):
    message = {"role": "assistant", "content": None, "refusal": None}
    for block in steps.blocks:
        if isinstance(block, Text):
            message["content"] = (message["content"] or "") + block.text
        if isinstance(block, Think):
            message["reasoning_content"] = message.get("reasoning_content", "") + block.text
    calls = [{"id": call_id(), "type": "function", "function": function(call)} for call in steps.calls]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": finish(steps), "logprobs": None}
    return envelope | {"choices": [choice], "usage": usage(steps.usage)}


def events(steps, envelope, usage_asked):
    def chunk(delta, finish=None):
        return data(envelope | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]})

    yield chunk({"role": "assistant", "content": ""})
    index = 0
    for block in steps.blocks:
        if isinstance(block, Call):
            yield from call_events(chunk, index, block)
            index += 1
            continue
        field = "content" if isinstance(block, Text) else "reasoning_content"
        for piece in pieces(block.text):
            yield chunk({field: piece})
    if steps.breaks:
        steps.break_here()
        yield data(
            {"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": None}}
        )
        return
    yield chunk({}, finish(steps))
    if usage_asked:
        yield data(envelope | {"choices": [], "usage": usage(steps.usage)})
    yield "data: [DONE]\n\n"


def call_events(chunk, index, call):
    start = {"index": index, "id": call_id(), "type": "function", "function": {"name": call.name, "arguments": ""}}
    yield chunk({"tool_calls": [start]})
    for piece in pieces(function(call)["arguments"]):
        yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})


def function(call):
    return {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}


def call_id():
    return f"call_{uuid.uuid4().hex[:24]}"


def finish(steps):
    return "tool_calls" if steps.calls else "stop"


def usage(used):
    return {
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": {"cached_tokens": used.cached},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning},
    }


def embeddings(body):
    if status := asked_status(body["model"]):
        raise Refusal(status, MESSAGES[status])
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    vector = VECTOR
    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    listed = [{"object": "embedding", "index": at, "embedding": vector} for at, _ in enumerate(texts)]
    return {"object": "list", "model": body["model"], "data": listed, "usage": {"prompt_tokens": 2, "total_tokens": 2}}
