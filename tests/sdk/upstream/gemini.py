"""The wire of Gemini's generateContent, as strict as the real service."""

import base64
import json
import re
import secrets
import uuid

from .openai_chat import VECTOR
from .plan import Call, Text, Think, View, plan
from .serving import Refusal, asked_status, data, need, pieces

REQUEST = set(
    "model contents tools toolConfig safetySettings systemInstruction generationConfig cachedContent serviceTier store".split()
)
PART = set(
    "text thought thoughtSignature inlineData fileData functionCall functionResponse executableCode codeExecutionResult "
    "videoMetadata mediaResolution partMetadata".split()
)
CONFIG = set(
    "stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount maxOutputTokens "
    "temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs enableEnhancedCivicAnswers "
    "speechConfig thinkingConfig imageConfig mediaResolution".split()
)
TOOL = set(
    "functionDeclarations googleSearch googleSearchRetrieval codeExecution urlContext googleMaps computerUse fileSearch".split()
)
DECLARATION = {
    "name",
    "description",
    "behavior",
    "parameters",
    "parametersJsonSchema",
    "response",
    "responseJsonSchema",
}
SCHEMA = set(
    "type format title description nullable enum items maxItems minItems properties required minProperties maxProperties "
    "minLength maxLength pattern example anyOf propertyOrdering default minimum maximum".split()
)
# Stands for a signature in history that another model made; as documented, and as the Go SDK encodes it.
SENTINELS = {"skip_thought_signature_validator", base64.b64encode(b"skip_thought_signature_validator").decode()}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
}
# What holds free JSON: the names in it are the user's.
FREE = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "properties", "default", "example"}


class Gemini:
    def __init__(self):
        self.issued = set()

    def signatures(self):
        return set(self.issued)

    def authenticate(self, request, key):
        need("key" not in request.query, "API keys in addresses end up in logs")
        if request.headers.get("x-goog-api-key") != key:
            raise Refusal(400, "API key not valid. Please pass a valid API key.", reason="API_KEY_INVALID")

    def error(self, refusal):
        error = {
            "code": refusal.status,
            "message": refusal.message,
            "status": STATUSES.get(refusal.status, "UNAVAILABLE"),
        }
        details = []
        if refusal.status == 429:
            details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"})
        if reason := refusal.more.get("reason"):
            details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason})
        return refusal.status, {}, {"error": error | ({"details": details} if details else {})}

    def answer(self, request):
        path = re.sub(r"^/v1(beta|alpha)?/", "", request.path)
        if path == "models":
            return listing()
        found = re.fullmatch(r"models/([^:]+):(\w+)", path)
        if not found:
            raise Refusal(404, f"Requested entity was not found: {path}")
        model, verb = found[1], found[2]
        if status := asked_status(model):
            raise Refusal(status, f"The answer is {status}")
        if verb == "countTokens":
            return count(request.body)
        if verb in ("embedContent", "batchEmbedContents"):
            return embeddings(request.body, verb)
        if verb in ("generateContent", "streamGenerateContent"):
            return self.generate(request, model, verb)
        raise Refusal(404, f"Requested entity was not found: {verb}")

    def generate(self, request, model, verb):
        body = camel(request.body)
        check(body)
        self.check_signatures(body["contents"], model)
        request.view = view(body, model)
        steps = plan(request.view)
        parts = self.parts(steps, request.view.shows)
        envelope = {"modelVersion": model, "responseId": uuid.uuid4().hex[:16]}
        if verb == "streamGenerateContent":
            need(request.query.get("alt") == ["sse"], "this upstream streams server-sent events only")
            return events(steps, parts, envelope)
        if steps.breaks:
            raise Refusal(500, "Internal error encountered.")
        return envelope | {"candidates": [candidate(parts, "STOP")], "usageMetadata": usage(steps.usage)}

    def parts(self, steps, shows):
        """The first call of a step carries the signature, or the last text of a step without calls."""
        parts, signed = [], not any(isinstance(block, (Think, Call)) for block in steps.blocks)
        for at, block in enumerate(steps.blocks):
            if isinstance(block, Think):
                if shows:
                    parts.append({"text": block.text, "thought": True})
                continue
            part = {"text": block.text} if isinstance(block, Text) else call_part(block)
            last_words = isinstance(block, Text) and at == len(steps.blocks) - 1
            if not signed and (isinstance(block, Call) or last_words):
                part["thoughtSignature"], signed = self.sign(), True
            parts.append(part)
        return parts

    def sign(self):
        signature = base64.b64encode(b"signed" + secrets.token_bytes(90)).decode()
        self.issued.add(signature)
        return signature

    def check_signatures(self, contents, model):
        for content in contents:
            for part in content["parts"]:
                signature = part.get("thoughtSignature")
                need(
                    signature is None or standard(signature) in self.issued | SENTINELS,
                    "Thought signature is not valid",
                )
        if not re.match(r"gemini-([3-9]|\d\d)", model):
            return
        for content in current_turn(contents):
            calls = [part for part in content["parts"] if "functionCall" in part]
            if content.get("role") == "model" and calls:
                name = calls[0]["functionCall"]["name"]
                need(
                    "thoughtSignature" in calls[0],
                    f"Function call is missing a thought_signature in functionCall parts: {name}",
                )


def standard(encoded):
    """Bytes may come in either alphabet of base64; google-genai writes the one for addresses."""
    return encoded if encoded in SENTINELS else encoded.replace("-", "+").replace("_", "/")


def camel(value, free=False):
    """Protobuf's JSON takes both spellings of a name; free JSON stays as it is."""
    if isinstance(value, list):
        return [camel(item, free) for item in value]
    if not isinstance(value, dict):
        return value
    spelled = {
        name if free else re.sub(r"_([a-z])", lambda m: m[1].upper(), name): inner for name, inner in value.items()
    }
    return {name: camel(inner, free or name in FREE and name != "properties") for name, inner in spelled.items()}


def current_turn(contents):
    """What came after the user's last words."""
    start = 0
    for at, content in enumerate(contents):
        answers = any("functionResponse" in part for part in content["parts"])
        if content.get("role", "user") == "user" and not answers:
            start = at
    return contents[start:]


def named(value, names, where):
    for name in value:
        need(name in names, f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field.")


def check(body):
    named(body, REQUEST, "")
    need(body.get("contents"), "* GenerateContentRequest.contents: contents is not specified")
    named(body.get("systemInstruction") or {}, {"role", "parts"}, "system_instruction")
    config = body.get("generationConfig") or {}
    named(config, CONFIG, "generation_config")
    thinking = config.get("thinkingConfig") or {}
    named(thinking, {"includeThoughts", "thinkingBudget", "thinkingLevel"}, "generation_config.thinking_config")
    need(
        not {"thinkingBudget", "thinkingLevel"} <= set(thinking),
        "You can only set one of thinking budget and thinking level.",
    )
    need(not ("responseSchema" in config and "responseJsonSchema" in config), "only one of response schemas may be set")
    has_schema = "responseSchema" in config or "responseJsonSchema" in config
    need(
        not has_schema or config.get("responseMimeType") == "application/json",
        "response schema needs response_mime_type application/json",
    )
    check_schema(config.get("responseSchema") or {}, "generation_config.response_schema")
    for tool in body.get("tools") or []:
        named(tool, TOOL, "tools[0]")
        for declared in tool.get("functionDeclarations") or []:
            check_declaration(declared)
    check_contents(body["contents"])


def check_declaration(declared):
    where = "tools[0].function_declarations[0]"
    named(declared, DECLARATION, where)
    need(
        re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}", declared.get("name", "")),
        f"{where}.name: Invalid function name.",
    )
    need(
        not {"parameters", "parametersJsonSchema"} <= set(declared),
        "parameters and parameters_json_schema are mutually exclusive.",
    )
    check_schema(declared.get("parameters") or {}, f"{where}.parameters")


def check_schema(schema, where):
    named(schema, SCHEMA, where)
    need(isinstance(schema.get("type", ""), str), f"{where}.type: Proto field is not repeating, cannot start list.")
    need(str(schema.get("type", "")).lower() != "array" or "items" in schema, f"{where}.items: missing field.")
    for name, inner in (schema.get("properties") or {}).items():
        check_schema(inner, f"{where}.properties[{name}]")
    for inner in [schema["items"]] if "items" in schema else schema.get("anyOf") or []:
        check_schema(inner, where)


def check_contents(contents):
    pending, before = [], None
    for at, content in enumerate(contents):
        where = f"contents[{at}]"
        named(content, {"role", "parts"}, where)
        role = content.get("role", "user")
        need(role in ("user", "model"), "Please use a valid role: user, model.")
        need(content.get("parts"), f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty.")
        for part in content["parts"]:
            check_part(part, where)
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        answers = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        need(
            not calls or before == "user",
            "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
        )
        check_answers(pending, answers, content)
        pending, before = calls, role
    need(not pending, "Please ensure that function response turn comes immediately after a function call turn.")


def check_part(part, where):
    named(part, PART, f"{where}.parts[0]")
    kinds = [
        name
        for name in (
            "text",
            "inlineData",
            "fileData",
            "functionCall",
            "functionResponse",
            "executableCode",
            "codeExecutionResult",
        )
        if name in part
    ]
    need(len(kinds) == 1, f"{where}.parts[0].data: required oneof field 'data' must have one initialized field")
    need(
        part.get("text") != "" or "thoughtSignature" in part,
        f"{where}: Unable to submit request because it must have a text parameter.",
    )
    if call := part.get("functionCall"):
        named(call, {"id", "name", "args"}, f"{where}.parts[0].function_call")
        need(isinstance(call.get("args", {}), dict), "Proto field is not repeating: args")
    if answer := part.get("functionResponse"):
        named(
            answer,
            {"id", "name", "response", "parts", "willContinue", "scheduling"},
            f"{where}.parts[0].function_response",
        )
        need(isinstance(answer.get("response"), dict), "function_response.response: must be a struct")
    if blob := part.get("inlineData"):
        named(blob, {"mimeType", "data", "displayName"}, f"{where}.parts[0].inline_data")


def check_answers(pending, answers, content):
    if not answers:
        need(
            not pending,
            "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
        )
        return
    need(len(answers) == len(content["parts"]), "function responses must not have other parts beside them")
    need(
        len(answers) == len(pending),
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
    )
    for call, answer in zip(pending, answers):
        need(call["name"] == answer["name"], f"function response {answer['name']} does not answer {call['name']}")
        need(answer.get("id") in (None, call.get("id")), "function response id does not match")


def view(body, model):
    seen = View(model=model)
    seen.system = [part["text"] for part in (body.get("systemInstruction") or {}).get("parts", [])]
    for content in body["contents"]:
        parts = content["parts"]
        texts = [part["text"] for part in parts if "text" in part and not part.get("thought")]
        if content.get("role", "user") == "user" and texts:
            seen.said("\n".join(texts))
        for part in parts:
            look_at_part(seen, part)
    for tool in body.get("tools") or []:
        for declared in tool.get("functionDeclarations") or []:
            seen.tools[declared["name"]] = declared.get("parametersJsonSchema", declared.get("parameters"))
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    seen.choice = {"ANY": "any", "NONE": "none"}.get(calling.get("mode"))
    if len(calling.get("allowedFunctionNames") or []) == 1:
        seen.choice = calling["allowedFunctionNames"][0]
    config = body.get("generationConfig") or {}
    seen.schema = config.get("responseJsonSchema", config.get("responseSchema"))
    thinking = config.get("thinkingConfig") or {}
    seen.thinks = thinking.get("thinkingBudget") != 0
    seen.shows = thinking.get("includeThoughts", False)
    return seen


def look_at_part(seen, part):
    if blob := part.get("inlineData"):
        seen.images.append((blob["mimeType"], base64.b64decode(standard(blob["data"]), validate=True)))
    if call := part.get("functionCall"):
        seen.calls.append((call["name"], call.get("args", {})))
    if answer := part.get("functionResponse"):
        seen.got(answer["name"], answer_text(answer["response"]))
    if "thoughtSignature" in part:
        seen.opaque.append(part["thoughtSignature"])


def answer_text(response):
    for name in ("output", "result", "error"):
        if isinstance(response.get(name), str):
            return response[name]
    return json.dumps(response, ensure_ascii=False)


def call_part(call):
    return {"functionCall": {"id": uuid.uuid4().hex[:8], "name": call.name, "args": call.arguments}}


def candidate(parts, finish):
    content = {"role": "model", "parts": parts}
    return {"content": content, "index": 0} | ({"finishReason": finish} if finish else {})


def events(steps, parts, envelope):
    for part in parts:
        for piece in split(part):
            yield data(
                envelope
                | {"candidates": [candidate([piece], None)], "usageMetadata": {"promptTokenCount": steps.usage.input}}
            )
    if steps.breaks:
        steps.break_here()
        yield data({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}})
        return
    yield data(envelope | {"candidates": [candidate([{"text": ""}], "STOP")], "usageMetadata": usage(steps.usage)})


def split(part):
    """Text comes in pieces, its signature with an empty one after them; calls come whole."""
    if "text" not in part:
        return [part]
    rest = {"thought": True} if part.get("thought") else {}
    found = [{"text": piece} | rest for piece in pieces(part["text"])]
    if "thoughtSignature" in part:
        found.append({"text": "", "thoughtSignature": part["thoughtSignature"]})
    return found


def usage(used):
    """Thoughts are counted beside the answer."""
    return {
        "promptTokenCount": used.input,
        "cachedContentTokenCount": used.cached,
        "candidatesTokenCount": used.output - used.reasoning,
        "thoughtsTokenCount": used.reasoning,
        "totalTokenCount": used.input + used.output,
    }


def count(body):
    named(camel(body), {"contents", "generateContentRequest"}, "")
    return {"totalTokens": 100}


def embeddings(body, verb):
    if verb == "embedContent":
        return {"embedding": {"values": VECTOR}}
    return {"embeddings": [{"values": VECTOR} for _ in body["requests"]]}


def listing():
    def model(name, *methods):
        return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": list(methods)}

    return {
        "models": [model("gemini-3-pro", "generateContent", "countTokens"), model("gemini-embedding-2", "embedContent")]
    }
