"""`openai`: chat completions, embeddings, models."""

import base64
import functools
import json

import openai
from upstream.plan import Usage

from . import PATIENCE, SYSTEM, TOOLS, Answer, Cut

CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
}


@functools.cache
def client(url, key):
    # The package repeats failed requests by itself; here the first answer is the one that counts.
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=PATIENCE)


class OpenAIChat:
    native, version = "openai_compatible", openai.__version__
    error = openai.APIError
    # Some users keep the fields of an answer that the package has no name for, some do not.
    keeps_extras = True

    def __init__(self, url, key, model):
        self.client, self.model = client(url, key), model

    def user(self, text, image=None):
        if image is None:
            return [{"role": "user", "content": text}]
        link = {"url": f"data:image/png;base64,{base64.b64encode(image).decode()}"}
        return [{"role": "user", "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": link}]}]

    def ask(self, history, stream=False, **wants):
        options = self.options(**wants)
        messages = [{"role": "system", "content": SYSTEM}, *history]
        if stream:
            options |= {"stream": True, "stream_options": {"include_usage": True}}
            return self.collect(self.client.chat.completions.create(model=self.model, messages=messages, **options))
        answer = self.client.chat.completions.create(model=self.model, messages=messages, **options)
        message = answer.choices[0].message
        assert (answer.choices[0].finish_reason == "tool_calls") == bool(message.tool_calls), answer
        return self.answer(message.model_dump(), answer.usage)

    def options(self, tools=False, schema=None, thinking=False):
        options = {}
        if tools:
            options["tools"] = [{"type": "function", "function": function(name)} for name in TOOLS]
        if schema:
            options["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "person", "strict": True, "schema": schema},
            }
        if thinking:
            options["reasoning_effort"] = "high"
        return options

    def collect(self, chunks):
        message, calls, used, pieces, finish = {"role": "assistant", "content": None}, {}, None, 0, None
        try:
            for chunk in chunks:
                used = chunk.usage or used
                for choice in chunk.choices:
                    pieces += bool(choice.delta.content)
                    finish = choice.finish_reason or finish
                    merge(message, calls, choice.delta.model_dump(exclude_none=True))
        except openai.APIError as error:
            raise Cut(message["content"] or "", error) from error
        assert finish == ("tool_calls" if calls else "stop"), f"the stream ended with {finish}"
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        return self.answer(message, used, pieces)

    def answer(self, message, used, pieces=0):
        calls = [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls") or []
        ]
        turn = [message if self.keeps_extras else bare(message)]
        return Answer(
            message["content"] or "", message.get("reasoning_content") or "", calls, usage(used), pieces, turn
        )

    def results(self, answer, texts):
        # In another order than the calls, which this dialect allows.
        found = [{"role": "tool", "tool_call_id": call[0], "content": text} for call, text in zip(answer.calls, texts)]
        return [*answer.turn, *reversed(found)]

    def embed(self, model, text):
        return self.client.embeddings.create(model=model, input=text).data[0].embedding

    def models(self):
        return [model.id for model in self.client.models.list()]

    def status(self, error):
        return error.status_code

    def retry_after(self, error):
        return float(error.response.headers["retry-after"])

    def expected(self, status):
        return CLASSES.get(status, openai.InternalServerError)


class OpenAIChatBare(OpenAIChat):
    """A user who sends back nothing but the fields of the API's reference."""

    keeps_extras = False


def function(name):
    description, schema = TOOLS[name]
    return {"name": name, "description": description} | ({"parameters": schema} if schema else {})


def bare(message):
    return {name: message.get(name) for name in ("role", "content")} | {
        "tool_calls": [
            {name: call[name] for name in ("id", "type", "function")} for call in message.get("tool_calls") or []
        ]
        or None
    }


def merge(message, calls, delta):
    for part in delta.pop("tool_calls", []):
        call = calls.setdefault(part.pop("index"), {"function": {"arguments": ""}})
        function = part.pop("function", {})
        call["function"]["arguments"] += function.pop("arguments", "")
        call["function"] |= function
        call |= part
    for name, value in delta.items():
        if name == "reasoning_details":
            message[name] = [*message.get(name, []), *value]
        elif isinstance(value, dict):
            message[name] = (message.get(name) or {}) | value
        elif name != "role":
            message[name] = (message.get(name) or "") + value


def usage(used):
    cached = (used.prompt_tokens_details and used.prompt_tokens_details.cached_tokens) or 0
    reasoning = (used.completion_tokens_details and used.completion_tokens_details.reasoning_tokens) or 0
    assert used.total_tokens == used.prompt_tokens + used.completion_tokens, used
    return Usage(used.prompt_tokens, cached, used.completion_tokens, reasoning)
