"""The official `openai` package through autogw to a scripted upstream.

Each `test_*` function is one promise to somebody who points their client at the gateway. Run it with
`tests/sdk/run`, which brings the package; AUTOGW_BIN names the binary.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

import openai

from upstream import KEY, USAGE, VECTOR, Upstream

CLIENT_KEY = "client-key-52c8"
MESSAGES = [{"role": "user", "content": "Say hello"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
START_TIMEOUT = 60


class Gateway:
    """The binary, on a free port, with a home of its own."""

    def __init__(self, upstream_url, home):
        config = Path(home) / "config.json"
        config.write_text(json.dumps(configuration(upstream_url)))
        os.chmod(config, 0o600)
        environment = dict(os.environ, AUTOGW_HOME=str(home))
        command = [os.environ["AUTOGW_BIN"], "start", "--config", str(config), "--port", "0", "--json"]
        self.log = open(Path(home) / "stderr", "w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)
        watchdog = threading.Timer(START_TIMEOUT, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise RuntimeError(f"the gateway did not start:\n{self.said()}")
        self.url = json.loads(line)["url"]

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def configuration(url):
    """A provider per kind of failure, so that the rest after one does not touch the next test."""

    def provider(name, *models):
        return {"type": "openai_compatible", "name": name, "base_url": url, "api_key": KEY, "models": list(models)}

    failing = [provider(f"fails-{status}", f"status-{status}") for status in (400, 401, 404, 429, 500, 503)]
    return {
        "server": {"api_key": CLIENT_KEY},
        "router": {"persistence_path": None},
        "providers": [provider("main", "chat", "embed", "hear"), provider("breaks", "cut"), *failing],
    }


class Tests:
    def __init__(self, gateway, upstream):
        self.gateway, self.upstream = gateway, upstream
        # The package repeats failed requests by itself; here the first answer is the one that counts.
        self.options = {"base_url": f"{gateway.url}/v1", "api_key": CLIENT_KEY, "max_retries": 0, "timeout": 20}
        self.client = openai.OpenAI(**self.options)

    def ask(self, model="chat", **more):
        return self.client.chat.completions.create(model=model, messages=MESSAGES, **more)

    def failure(self, model, **more):
        try:
            self.ask(model, **more)
        except openai.APIError as error:
            return error
        raise AssertionError(f"{model} was answered")

    def test_chat(self):
        answer = self.ask(temperature=0.5)
        assert answer.choices[0].message.content == "Hello, wörld"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.model == "chat"
        assert answer.usage.total_tokens == USAGE["total_tokens"]
        assert self.upstream.last()["body"]["temperature"] == 0.5

    def test_answers_say_who_served_them(self):
        raw = self.client.chat.completions.with_raw_response.create(model="chat", messages=MESSAGES)
        assert raw.headers["x-autogw-provider"] == "main", dict(raw.headers)
        assert raw.headers["x-autogw-model"] == "chat"
        assert raw.headers["x-autogw-attempts"] == "1"
        assert raw.headers["x-request-id"]
        assert raw.parse()._request_id == raw.headers["x-request-id"]

    def test_the_upstream_never_sees_the_client_key(self):
        self.ask()
        assert CLIENT_KEY not in json.dumps(self.upstream.last())

    def test_stream(self):
        chunks = list(self.ask(stream=True))
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello, wörld"
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert all(c.usage is None for c in chunks), "nobody asked for usage"

    def test_stream_with_usage(self):
        chunks = list(self.ask(stream=True, stream_options={"include_usage": True}))
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == USAGE["completion_tokens"]

    def test_stream_helper_collects_the_answer(self):
        with self.client.chat.completions.stream(model="chat", messages=MESSAGES) as stream:
            stream.until_done()
            answer = stream.get_final_completion()
        assert answer.choices[0].message.content == "Hello, wörld"

    def test_tools(self):
        answer = self.ask(tools=TOOLS)
        call = answer.choices[0].message.tool_calls[0]
        assert (call.id, call.function.name) == ("call_1", "weather")
        assert json.loads(call.function.arguments) == {"city": "Paris"}
        assert answer.choices[0].finish_reason == "tool_calls"
        assert self.upstream.last()["body"]["tools"] == TOOLS

    def test_streamed_tools(self):
        calls = [c.choices[0].delta.tool_calls for c in self.ask(tools=TOOLS, stream=True)]
        parts = [call[0].function for call in calls if call]
        assert parts[0].name == "weather"
        assert json.loads("".join(part.arguments or "" for part in parts)) == {"city": "Paris"}

    def test_embeddings(self):
        answer = self.client.embeddings.create(model="embed", input="hello")
        assert answer.data[0].embedding == VECTOR
        assert self.upstream.last()["body"]["encoding_format"] == "base64", "the package's default"

    def test_models(self):
        names = [model.id for model in self.client.models.list()]
        assert {"chat", "embed", "cut"} <= set(names), names
        assert len(names) == len(set(names))
        assert self.client.models.retrieve("chat").id == "chat"

    def test_transcription(self):
        file = ("hello.wav", b"RIFF" + bytes(2000), "audio/wav")
        answer = self.client.audio.transcriptions.create(model="hear", file=file)
        assert answer.text.endswith("bytes heard")
        assert b"RIFF" + bytes(2000) in self.upstream.last()["body"]

    def test_400_is_bad_request(self):
        error = self.failure("status-400")
        assert type(error) is openai.BadRequestError, repr(error)
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

    def test_a_wrong_client_key_is_an_authentication_error(self):
        stranger = openai.OpenAI(**self.options | {"api_key": "somebody-elses"})
        try:
            stranger.models.list()
        except openai.AuthenticationError as error:
            assert error.code == "invalid_api_key", repr(error)
        else:
            raise AssertionError("a wrong key was accepted")

    def test_a_key_refused_upstream_is_not_the_clients_fault(self):
        error = self.failure("status-401")
        assert type(error) is openai.InternalServerError, repr(error)
        assert error.status_code == 502
        assert KEY not in str(error), "the answer shows a key"

    def test_an_unknown_model_is_not_found(self):
        error = self.failure("chta")
        assert type(error) is openai.NotFoundError, repr(error)
        assert error.code == "model_not_found"
        assert "chat" in error.message, "the nearest name helps"

    def test_a_model_unknown_upstream_is_not_found(self):
        error = self.failure("status-404")
        assert type(error) is openai.NotFoundError, repr(error)

    def test_429_is_a_rate_limit(self):
        error = self.failure("status-429")
        assert type(error) is openai.RateLimitError, repr(error)
        assert 0 < int(error.response.headers["retry-after"]) <= 7

    def test_500_is_a_server_error(self):
        error = self.failure("status-500")
        assert type(error) is openai.InternalServerError, repr(error)
        attempt = error.body["attempts"][0]
        assert attempt["provider"] == "fails-500"
        assert attempt["status"] == 500

    def test_a_failing_stream_fails_before_it_begins(self):
        error = self.failure("status-503", stream=True)
        assert type(error) is openai.InternalServerError, repr(error)

    def test_a_stream_cut_midway_raises(self):
        text = ""
        try:
            for chunk in self.ask("cut", stream=True):
                text += chunk.choices[0].delta.content or ""
        except openai.APIError:
            assert text == "Hello, wörld"
        else:
            raise AssertionError("a stream that was cut looked whole")

    def test_async_client(self):
        async def both():
            async with openai.AsyncOpenAI(**self.options) as client:
                answer = await client.chat.completions.create(model="chat", messages=MESSAGES)
                stream = await client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
                text = "".join([c.choices[0].delta.content or "" async for c in stream])
                return answer.choices[0].message.content, text

        assert asyncio.run(both()) == ("Hello, wörld", "Hello, wörld")


def run_all(tests):
    failed = 0
    for name in [name for name in dir(tests) if name.startswith("test_")]:
        try:
            getattr(tests, name)()
            print(f"ok      {name}")
        except Exception:
            failed += 1
            print(f"FAILED  {name}")
            traceback.print_exc(file=sys.stdout)
    return failed


def main():
    with tempfile.TemporaryDirectory() as home:
        upstream = Upstream()
        gateway = Gateway(upstream.url, home)
        try:
            failed = run_all(Tests(gateway, upstream))
        finally:
            code = gateway.stop()
            upstream.close()
        said = gateway.said()
        leaks = [key for key in (KEY, CLIENT_KEY) if key in said]
        if failed:
            print(said)
        assert code == 0, f"the gateway ended with {code}"
        assert not leaks, "the log shows a key"
    print(f"openai {openai.__version__}: {'all ok' if not failed else f'{failed} failed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
