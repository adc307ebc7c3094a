"""`google-genai`: generate_content."""

import functools

from google import genai
from google.genai import errors, types
from upstream.plan import Usage

from . import PATIENCE, SYSTEM, TOOLS, Answer, Cut


@functools.cache
def client(url, key):
    options = types.HttpOptions(base_url=url, timeout=PATIENCE * 1000, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key=key, http_options=options)


class GenAI:
    native, version = "google", genai.__version__
    error = errors.APIError

    def __init__(self, url, key, model):
        self.client, self.model = client(url, key), model

    def user(self, text, image=None):
        parts = [types.Part.from_text(text=text)]
        if image is not None:
            parts.append(types.Part.from_bytes(data=image, mime_type="image/png"))
        return [types.Content(role="user", parts=parts)]

    def ask(self, history, stream=False, **wants):
        asked = {"model": self.model, "contents": history, "config": self.config(**wants)}
        if stream:
            return self.collect(self.client.models.generate_content_stream(**asked))
        response = self.client.models.generate_content(**asked)
        return self.answer(response.candidates[0].content.parts, response.usage_metadata)

    def config(self, tools=False, schema=None, thinking=False):
        options = {"system_instruction": SYSTEM}
        if tools:
            options["tools"] = [types.Tool(function_declarations=[declaration(name) for name in TOOLS])]
        if schema:
            options |= {"response_mime_type": "application/json", "response_json_schema": schema}
        if thinking:
            options["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_level="HIGH")
        return types.GenerateContentConfig(**options)

    def collect(self, chunks):
        parts, used, finish = [], None, None
        try:
            for chunk in chunks:
                used = chunk.usage_metadata or used
                for candidate in chunk.candidates or []:
                    finish = candidate.finish_reason or finish
                    parts += (candidate.content and candidate.content.parts) or []
        except Exception as error:
            # A broken connection comes through as the HTTP library's own exception.
            if isinstance(error, errors.APIError) and not parts:
                raise
            raise Cut(spoken(parts), error) from error
        if finish is None:
            # The package does not mind a stream that just ends; its user has to.
            raise Cut(spoken(parts), EOFError("no finish reason"))
        assert finish == types.FinishReason.STOP, finish
        return self.answer(parts, used, sum(bool(part.text) and not part.thought for part in parts))

    def answer(self, parts, used, pieces=0):
        calls = [
            (part.function_call.id, part.function_call.name, part.function_call.args or {})
            for part in parts
            if part.function_call
        ]
        thoughts = "".join(part.text for part in parts if part.text and part.thought)
        kept = [part for part in parts if part.text != "" or part.thought_signature]
        turn = [types.Content(role="model", parts=kept)]
        return Answer(spoken(parts), thoughts, calls, usage(used), pieces, turn)

    def results(self, answer, texts):
        parts = []
        for (name_id, name, _), text in zip(answer.calls, texts):
            response = types.FunctionResponse(id=name_id, name=name, response={"output": text})
            parts.append(types.Part(function_response=response))
        return [*answer.turn, types.Content(role="user", parts=parts)]

    def embed(self, model, text):
        return self.client.models.embed_content(model=model, contents=text).embeddings[0].values

    def count(self, text):
        return self.client.models.count_tokens(model=self.model, contents=text).total_tokens

    def models(self):
        return [model.name.removeprefix("models/") for model in self.client.models.list()]

    def status(self, error):
        return error.code

    def retry_after(self, error):
        delays = [detail.get("retryDelay") for detail in error.details["error"].get("details", [])]
        return next(float(delay.removesuffix("s")) for delay in delays if delay)

    def expected(self, status):
        return errors.ClientError if status < 500 else errors.ServerError


def declaration(name):
    description, schema = TOOLS[name]
    return types.FunctionDeclaration(name=name, description=description, parameters_json_schema=schema)


def spoken(parts):
    return "".join(part.text for part in parts if part.text and not part.thought)


def usage(used):
    reasoning = used.thoughts_token_count or 0
    output = (used.candidates_token_count or 0) + reasoning
    assert used.total_token_count == used.prompt_token_count + output, used
    return Usage(used.prompt_token_count, used.cached_content_token_count or 0, output, reasoning)
