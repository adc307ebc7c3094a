"""`openai`: responses, kept by the client or by the server."""

import base64
import json

import openai
from upstream.plan import Usage

from . import SYSTEM, TOOLS, Answer, Cut
from .openai_chat import OpenAIChat, client, function


class OpenAIResponses(OpenAIChat):
    native = "openai"

    def __init__(self, url, key, model):
        self.client, self.model = client(url, key), model

    def user(self, text, image=None):
        parts = [{"type": "input_text", "text": text}]
        if image is not None:
            link = f"data:image/png;base64,{base64.b64encode(image).decode()}"
            parts.append({"type": "input_image", "image_url": link, "detail": "auto"})
        return [{"role": "user", "content": parts}]

    def ask(self, history, stream=False, **wants):
        options = {"store": False, "include": ["reasoning.encrypted_content"], "instructions": SYSTEM} | self.options(
            **wants
        )
        if stream:
            return self.collect(self.client.responses.create(model=self.model, input=history, stream=True, **options))
        return self.answer(self.client.responses.create(model=self.model, input=history, **options))

    def options(self, tools=False, schema=None, thinking=False):
        options = {}
        if tools:
            options["tools"] = [
                {"type": "function", "strict": False, "parameters": None} | function(name) for name in TOOLS
            ]
        if schema:
            options["text"] = {"format": {"type": "json_schema", "name": "person", "strict": True, "schema": schema}}
        if thinking:
            options["reasoning"] = {"effort": "high", "summary": "auto"}
        return options

    def collect(self, events):
        text, pieces, last = "", 0, -1
        done, response = [], None
        try:
            for event in events:
                assert event.sequence_number == last + 1, f"{event.type} is number {event.sequence_number} after {last}"
                last = event.sequence_number
                if event.type == "response.output_text.delta":
                    text, pieces = text + event.delta, pieces + 1
                if event.type == "response.output_item.done":
                    done.append(event.item)
                if event.type == "response.completed":
                    response = event.response
                # The package raises on `error` events; a failed response is for its user to see.
                if event.type == "response.failed":
                    raise openai.APIError(event.response.error.message, request=None, body=None)
        except openai.APIError as error:
            raise Cut(text, error) from error
        assert response, "the stream ended without a last word"
        assert [item.to_dict() for item in response.output] == [item.to_dict() for item in done], (
            "other items than were streamed"
        )
        return self.answer(response, pieces)

    def answer(self, response, pieces=0):
        calls = [item for item in response.output if item.type == "function_call"]
        thoughts = "".join(part.text for item in response.output if item.type == "reasoning" for part in item.summary)
        found = [(call.call_id, call.name, json.loads(call.arguments)) for call in calls]
        return Answer(response.output_text, thoughts, found, usage(response.usage), pieces, list(response.output))

    def results(self, answer, texts):
        found = [
            {"type": "function_call_output", "call_id": call[0], "output": text}
            for call, text in zip(answer.calls, texts)
        ]
        return [*answer.turn, *reversed(found)]

    def count(self, text):
        return self.client.responses.input_tokens.count(model=self.model, input=text).input_tokens


def usage(used):
    assert used.total_tokens == used.input_tokens + used.output_tokens, used
    cached, reasoning = used.input_tokens_details.cached_tokens, used.output_tokens_details.reasoning_tokens
    return Usage(used.input_tokens, cached, used.output_tokens, reasoning)
