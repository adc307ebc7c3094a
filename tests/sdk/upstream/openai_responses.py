"""The wire of OpenAI's Responses API, as strict as the real service, stored answers included."""

import base64
import json
import secrets
import uuid

from .plan import Call, Think, View, plan
from .serving import Refusal, asked_status, named, need, pieces

REQUEST = set(
    "background client_metadata context_management conversation include input instructions max_output_tokens "
    "max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options "
    "temperature text tool_choice tools top_logprobs top_p truncation user".split()
)
PARTS = {
    "user": {"input_text", "input_image", "input_file"},
    "system": {"input_text"},
    "developer": {"input_text"},
    "assistant": {"output_text", "refusal"},
}
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
OUTPUTS = {"function_call_output", "custom_tool_call_output"}
TOOLS = {"function", "custom", "namespace", "web_search", "tool_search", "local_shell", "image_generation"}


class Responses:
    def __init__(self):
        self.issued, self.stored = {}, {}

    def answer(self, request):
        path = request.path.removeprefix("/v1/responses").strip("/")
        if request.method == "GET":
            return self.kept(path)["response"]
        if request.method == "DELETE":
            self.kept(path)
            del self.stored[path]
            return {"id": path, "object": "response", "deleted": True}
        if path == "input_tokens":
            return {"object": "response.input_tokens", "input_tokens": 100}
        need(not path, f"Invalid URL ({request.method} {request.path})")
        return self.create(request)

    def kept(self, name):
        if name not in self.stored:
            raise Refusal(404, f"Response with id '{name}' not found.")
        return self.stored[name]

    def create(self, request):
        body = request.body
        if status := asked_status(body["model"]):
            raise Refusal(status, {400: "'temperature' is out of range", 429: "Rate limit reached"}.get(status, "No"))
        self.check(body)
        items = items_of(body["input"])
        if before := body.get("previous_response_id"):
            items = self.kept(before)["items"] + items
        self.check_items(items)
        request.view = view(body, items)
        steps = plan(request.view)
        response = envelope(body, steps)
        output = [self.item(block, request.view) for block in steps.blocks]
        finished = response | {"status": "completed", "output": output, "usage": usage(steps.usage)}
        if body.get("store", True):
            self.stored[response["id"]] = {"response": finished, "items": items + output}
        if body.get("stream"):
            return events(steps, response, finished)
        if steps.breaks:
            raise Refusal(500, "The server had an error")
        return finished

    def check(self, body):
        for name in body:
            need(name in REQUEST, f"Unknown parameter: '{name}'.", param=name)
        need("input" in body, "Missing required parameter: 'input'.", param="input")
        for name in ("temperature", "top_p"):
            need(name not in body, f"Unsupported parameter: '{name}' is not supported with this model.", param=name)
        for at, tool in enumerate(body.get("tools") or []):
            need(tool.get("type") in TOOLS, f"Invalid value: '{tool.get('type')}'.", param=f"tools[{at}].type")
            need(tool["type"] != "function" or tool.get("name"), f"Missing required parameter: 'tools[{at}].name'.")
            need("function" not in tool, f"Unknown parameter: 'tools[{at}].function'.")
        form = (body.get("text") or {}).get("format") or {"type": "text"}
        need(
            form["type"] != "json_schema" or form.get("name") and form.get("schema"),
            "Missing required parameter: 'text.format.name'.",
        )

    def check_items(self, items):
        calls, last = {}, None
        for at, item in enumerate(items):
            kind, where = item.get("type", "message"), f"input[{at}]"
            need(
                last != "reasoning" or kind in CALLS or kind in ("reasoning", "message"),
                f"Item {where} of type 'reasoning' was provided without its required following item.",
            )
            if kind == "message":
                check_message(item, where)
            elif kind in CALLS:
                need(
                    isinstance(item.get(CALLS[kind]), str) and item.get("name"),
                    f"Missing required parameter: '{where}.{CALLS[kind]}'.",
                )
                need(0 < len(item.get("call_id", "")) <= 64, f"Invalid '{where}.call_id'.")
                need(
                    item.get("id", "fc_").startswith(("fc_", "ctc_")),
                    f"Invalid '{where}.id': '{item.get('id')}'. Expected an ID that begins with 'fc'.",
                )
                calls[item["call_id"]] = item
            elif kind in OUTPUTS:
                need(
                    calls.pop(item.get("call_id"), None),
                    f"No tool call found for function call output with call_id {item.get('call_id')}.",
                )
                need(isinstance(item.get("output"), (str, list)), f"Missing required parameter: '{where}.output'.")
            elif kind == "reasoning":
                self.check_reasoning(item, where)
            else:
                need(kind in ("additional_tools", "item_reference"), f"Invalid value: '{kind}'.", param=f"{where}.type")
            last = kind
        need(last != "reasoning", "Item of type 'reasoning' was provided without its required following item.")
        need(not calls, f"No tool output found for function call {next(iter(calls), None)}.", param="input")

    def check_reasoning(self, item, where):
        need(isinstance(item.get("summary"), list), f"Missing required parameter: '{where}.summary'.")
        sealed = item.get("encrypted_content")
        need(sealed in self.issued, "The encrypted content could not be verified.", code="invalid_encrypted_content")

    def item(self, block, seen):
        if isinstance(block, Think):
            sealed = "gAAAA" + secrets.token_urlsafe(96)
            self.issued[sealed] = block.text
            summary = [{"type": "summary_text", "text": block.text}] if seen.shows else []
            return {"id": new("rs"), "type": "reasoning", "summary": summary, "encrypted_content": sealed}
        if isinstance(block, Call) and isinstance(block.arguments, str):
            call = {"type": "custom_tool_call", "call_id": new("call"), "name": block.name, "input": block.arguments}
            return call | {"id": new("ctc"), "status": "completed"}
        if isinstance(block, Call):
            arguments = json.dumps(block.arguments, ensure_ascii=False)
            call = {"type": "function_call", "call_id": new("call"), "name": block.name, "arguments": arguments}
            spaced = {"namespace": seen.namespaces[block.name]} if block.name in seen.namespaces else {}
            return call | spaced | {"id": new("fc"), "status": "completed"}
        part = {"type": "output_text", "text": block.text, "annotations": [], "logprobs": []}
        return {"id": new("msg"), "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def check_message(item, where):
    role = item.get("role")
    need(role in PARTS, f"Invalid value: '{role}'.", param=f"{where}.role")
    need(item.get("id", "msg_").startswith("msg_"), f"Invalid '{where}.id'. Expected an ID that begins with 'msg'.")
    for part in item["content"] if isinstance(item["content"], list) else []:
        need(part.get("type") in PARTS[role], f"Invalid value: '{part.get('type')}'.", param=f"{where}.content[0]")
        need(
            part["type"] != "input_image" or isinstance(part.get("image_url", part.get("file_id")), str),
            f"Invalid type for '{where}.content[0].image_url'.",
        )


def items_of(value):
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


def view(body, items):
    seen, names = View(model=body["model"]), {}
    if body.get("instructions"):
        seen.system.append(body["instructions"])
    tools = list(body.get("tools") or [])
    for item in items:
        kind = item.get("type", "message")
        if kind == "message":
            look_at_message(seen, item)
        elif kind in CALLS:
            names[item["call_id"]] = item["name"]
            raw = item[CALLS[kind]]
            seen.calls.append((item["name"], json.loads(raw) if kind == "function_call" else raw))
        elif kind in OUTPUTS:
            seen.got(names[item["call_id"]], output_text(seen, item["output"]))
        elif kind == "reasoning":
            seen.opaque.append(item["encrypted_content"])
        elif kind == "additional_tools":
            tools += item.get("tools") or []
    for tool in tools:
        if tool["type"] == "namespace":
            seen.namespaces |= {inner["name"]: tool["name"] for inner in tool["tools"]}
        for inner in tool["tools"] if tool["type"] == "namespace" else [tool]:
            seen.tools[inner.get("name", inner["type"])] = inner.get("parameters")
    choice = body.get("tool_choice")
    seen.choice = choice.get("name") if isinstance(choice, dict) else choice
    form = (body.get("text") or {}).get("format") or {}
    seen.schema = form.get("schema")
    reasoning = body.get("reasoning") or {}
    seen.thinks = bool(reasoning) and reasoning.get("effort") != "none"
    seen.shows = reasoning.get("summary") is not None
    return seen


def look_at_message(seen, item):
    content = item["content"]
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    texts = [part["text"] for part in parts if part["type"] == "input_text"]
    if item["role"] in ("system", "developer"):
        seen.system += texts
    elif item["role"] == "user":
        seen.said("\n".join(texts))
        seen.images += images(parts)


def images(parts):
    found = []
    for part in parts:
        if part["type"] == "input_image":
            head, _, encoded = part["image_url"].partition(";base64,")
            found.append(
                (head.removeprefix("data:"), base64.b64decode(encoded, validate=True)) if encoded else (head, b"")
            )
    return found


def output_text(seen, output):
    if isinstance(output, str):
        return output
    seen.images += images(output)
    return "".join(part["text"] for part in output if part["type"] == "input_text")


def envelope(body, steps):
    text = body.get("text") or {"format": {"type": "text"}}
    echoed = {
        name: body.get(name) for name in ("instructions", "max_output_tokens", "previous_response_id", "reasoning")
    }
    return echoed | {
        "id": new("resp"),
        "object": "response",
        "created_at": 1,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "metadata": body.get("metadata") or {},
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "store": body.get("store", True),
        "temperature": 1.0,
        "text": text,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }


def events(steps, response, finished):
    number = -1

    def event(kind, **fields):
        nonlocal number
        number += 1
        return named({"type": f"response.{kind}", "sequence_number": number, **fields})

    yield event("created", response=response)
    yield event("in_progress", response=response)
    for index, item in enumerate(finished["output"]):
        yield from item_events(event, index, item, steps.breaks)
        if steps.breaks:
            steps.break_here()
            failed = {"code": "server_error", "message": "The server had an error"}
            yield event("failed", response=response | {"status": "failed", "error": failed})
            return
    yield event("completed", response=finished)


def item_events(event, index, item, breaks):
    at = {"item_id": item["id"], "output_index": index}
    if item["type"] == "message":
        part = item["content"][0]
        yield event("output_item.added", output_index=index, item=item | {"status": "in_progress", "content": []})
        yield event("content_part.added", content_index=0, part=part | {"text": ""}, **at)
        for piece in pieces(part["text"]):
            yield event("output_text.delta", content_index=0, delta=piece, logprobs=[], **at)
        if breaks:
            return
        yield event("output_text.done", content_index=0, text=part["text"], logprobs=[], **at)
        yield event("content_part.done", content_index=0, part=part, **at)
    elif item["type"] == "function_call":
        yield event("output_item.added", output_index=index, item=item | {"status": "in_progress", "arguments": ""})
        for piece in pieces(item["arguments"]):
            yield event("function_call_arguments.delta", delta=piece, **at)
        yield event("function_call_arguments.done", arguments=item["arguments"], name=item["name"], **at)
    elif item["type"] == "custom_tool_call":
        yield event("output_item.added", output_index=index, item=item | {"status": "in_progress", "input": ""})
        for piece in pieces(item["input"]):
            yield event("custom_tool_call_input.delta", delta=piece, **at)
        yield event("custom_tool_call_input.done", input=item["input"], **at)
    else:
        # The sealed reasoning comes with the finished item only.
        yield event(
            "output_item.added", output_index=index, item={"id": item["id"], "type": "reasoning", "summary": []}
        )
        for number, part in enumerate(item["summary"]):
            yield event("reasoning_summary_part.added", summary_index=number, part=part | {"text": ""}, **at)
            for piece in pieces(part["text"]):
                yield event("reasoning_summary_text.delta", summary_index=number, delta=piece, **at)
            yield event("reasoning_summary_text.done", summary_index=number, text=part["text"], **at)
            yield event("reasoning_summary_part.done", summary_index=number, part=part, **at)
    yield event("output_item.done", output_index=index, item=item)


def usage(used):
    return {
        "input_tokens": used.input,
        "input_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": 0},
        "output_tokens": used.output,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.input + used.output,
    }


def new(prefix):
    return f"{prefix}_{uuid.uuid4().hex}"
