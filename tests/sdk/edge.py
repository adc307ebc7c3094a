"""What the gateway itself promises to the users of the `openai` package: names, headers, keys, errors."""

import asyncio
import json

import openai
from clients import PATIENCE
from gateway import CLIENT_KEY, UPSTREAM_KEY
from upstream import MODELS
from upstream.plan import HELLO

MODEL = MODELS["openai_compatible"]
MESSAGES = [{"role": "user", "content": "Say hello"}]


class Tests:
    def __init__(self, gateway, upstream):
        self.upstream = upstream
        # The package repeats failed requests by itself; here the first answer is the one that counts.
        self.options = {"base_url": f"{gateway.url}/v1", "api_key": CLIENT_KEY, "max_retries": 0, "timeout": PATIENCE}
        self.client = openai.OpenAI(**self.options)

    def ask(self, model=MODEL, **more):
        return self.client.chat.completions.create(model=model, messages=MESSAGES, **more)

    def failure(self, model, **more):
        try:
            self.ask(model, **more)
        except openai.APIError as error:
            return error
        raise AssertionError(f"{model} was answered")

    def test_a_native_request_arrives_as_sent(self):
        assert self.ask(temperature=0.5).model == MODEL
        assert self.upstream.last().body == {"model": MODEL, "messages": MESSAGES, "temperature": 0.5}

    def test_answers_say_who_served_them(self):
        raw = self.client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
        assert raw.headers["x-autogw-provider"] == "main", dict(raw.headers)
        assert raw.headers["x-autogw-model"] == MODEL
        assert raw.headers["x-autogw-attempts"] == "1"
        assert raw.headers["x-request-id"]
        assert raw.parse()._request_id == raw.headers["x-request-id"]

    def test_the_upstream_never_sees_the_client_key(self):
        self.ask()
        request = self.upstream.last()
        assert CLIENT_KEY not in json.dumps([request.headers, request.body])

    def test_usage_is_streamed_only_when_asked_for(self):
        chunks = list(self.ask(stream=True))
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == HELLO
        assert all(c.usage is None for c in chunks), "nobody asked for usage"

    def test_stream_helper_collects_the_answer(self):
        with self.client.chat.completions.stream(model=MODEL, messages=MESSAGES) as stream:
            stream.until_done()
            answer = stream.get_final_completion()
        assert answer.choices[0].message.content == HELLO

    def test_embeddings_are_asked_for_as_base64(self):
        self.client.embeddings.create(model="embed-1", input="hello")
        assert self.upstream.last().body["encoding_format"] == "base64", "the package's default"

    def test_a_model_can_be_retrieved(self):
        assert self.client.models.retrieve(MODEL).id == MODEL

    def test_transcription(self):
        sound = b"RIFF" + bytes(2000)
        answer = self.client.audio.transcriptions.create(model="hear", file=("hello.wav", sound, "audio/wav"))
        assert answer.text.endswith("bytes heard")
        assert sound in self.upstream.last().raw

    def test_400_keeps_its_details(self):
        error = self.failure("status-400")
        assert (error.code, error.param) == ("unsupported_value", "temperature")
        assert "out of range" in error.message
        assert error.request_id

    def test_an_empty_model_is_bad_request(self):
        try:
            self.client.post("/chat/completions", body={"model": ""}, cast_to=object)
        except openai.BadRequestError as error:
            assert error.param == "model", repr(error)
        else:
            raise AssertionError("an empty model was accepted")

    def test_a_wrong_client_key_has_its_code(self):
        try:
            openai.OpenAI(**self.options | {"api_key": "somebody-elses"}).models.list()
        except openai.AuthenticationError as error:
            assert error.code == "invalid_api_key", repr(error)
        else:
            raise AssertionError("a wrong key was accepted")

    def test_a_key_refused_upstream_is_not_shown(self):
        error = self.failure("status-401")
        assert error.status_code == 502
        assert UPSTREAM_KEY not in str(error), "the answer shows a key"

    def test_an_unknown_model_is_not_found(self):
        error = self.failure("huose-1")
        assert type(error) is openai.NotFoundError, repr(error)
        assert error.code == "model_not_found"
        assert MODEL in error.message, "the nearest name helps"

    def test_a_failure_says_what_was_tried(self):
        attempt = self.failure("status-500").body["attempts"][0]
        assert attempt["provider"] == "fails-500"
        assert attempt["status"] == 500

    def test_async_client(self):
        async def both():
            async with openai.AsyncOpenAI(**self.options) as client:
                answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
                stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
                text = "".join([c.choices[0].delta.content or "" async for c in stream])
                return answer.choices[0].message.content, text

        assert asyncio.run(both()) == (HELLO, HELLO)
