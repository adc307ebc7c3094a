"""`anthropic`: messages."""

import base64
import functools

import anthropic
from upstream.plan import Usage

from . import PATIENCE, SYSTEM, TOOLS, Answer, Cut

CLASSES = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    404: anthropic.NotFoundError,
    429: anthropic.RateLimitError,
}


@functools.cache
def client(url, key):
    # The package repeats failed requests by itself; here the first answer is the one that counts.
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=PATIENCE)


class AnthropicMessages:
    native, version = "anthropic", anthropic.__version__
    error = anthropic.APIError

    def __init__(self, url, key, model):
        self.client, self.model = client(url, key), model

    def user(self, text, image=None):
        if image is None:
            return [{"role": "user", "content": text}]
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(image).decode()}
        return [{"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": text}]}]

    def ask(self, history, stream=False, **wants):
        options = {"model": self.model, "max_tokens": 16000, "system": SYSTEM, "messages": history} | self.options(
            stream, **wants
        )
        if stream:
            return self.collect(options)
        return self.answer(self.client.messages.create(**options))

    def options(self, stream, tools=False, schema=None, thinking=False):
        options = {}
        if tools:
            options["tools"] = [tool(name) for name in TOOLS]
        if schema:
            options["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if thinking:
            # The two ways to ask for it.
            adaptive = {"type": "adaptive", "display": "summarized"}
            if stream:
                options["output_config"] = options.get("output_config", {}) | {"effort": "high"}
            options["thinking"] = adaptive if stream else {"type": "enabled", "budget_tokens": 8000}
        return options

    def collect(self, options):
        text, pieces = "", 0
        try:
            with self.client.messages.stream(**options) as stream:
                for event in stream:
                    if event.type == "text":
                        text, pieces = text + event.text, pieces + 1
                return self.answer(stream.get_final_message(), pieces)
        except anthropic.APIStatusError as error:
            # A refusal before the stream has its own status; within it, the one of the stream.
            if error.response.status_code != 200:
                raise
            raise Cut(text, error) from error
        except anthropic.APIError as error:
            raise Cut(text, error) from error

    def answer(self, message, pieces=0):
        calls = [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
        text = "".join(block.text for block in message.content if block.type == "text")
        thoughts = "".join(block.thinking for block in message.content if block.type == "thinking")
        assert message.stop_reason == ("tool_use" if calls else "end_turn"), message.stop_reason
        turn = [{"role": "assistant", "content": message.content}]
        return Answer(text, thoughts, calls, usage(message.usage), pieces, turn)

    def results(self, answer, texts):
        found = [
            {"type": "tool_result", "tool_use_id": call[0], "content": text} for call, text in zip(answer.calls, texts)
        ]
        return [*answer.turn, {"role": "user", "content": [*reversed(found)]}]

    def count(self, text):
        return self.client.messages.count_tokens(model=self.model, messages=self.user(text)).input_tokens

    def models(self):
        return [model.id for model in self.client.models.list()]

    def status(self, error):
        return error.status_code

    def retry_after(self, error):
        return float(error.response.headers["retry-after"])

    def expected(self, status):
        return CLASSES.get(status, anthropic.InternalServerError)


def tool(name):
    description, schema = TOOLS[name]
    return {"name": name, "description": description, "input_schema": schema or {"type": "object", "properties": {}}}


def usage(used):
    cached = used.cache_read_input_tokens or 0
    written = used.cache_creation_input_tokens or 0
    details = used.output_tokens_details
    return Usage(
        used.input_tokens + cached + written, cached, used.output_tokens, details.thinking_tokens if details else 0
    )
