"""What every SDK may rely on, whatever the upstream speaks. Each case is one promise.

A case gets a `Try`: the client on its way to one upstream. It looks at both ends, at what the SDK made of the
answer and at what the upstream was told.
"""

import json
import struct
import zlib

from clients import SYSTEM, Cut
from clients.genai import GenAI
from clients.openai_chat import OpenAIChatBare
from gateway import STATUSES
from upstream import EMBEDDERS, PICKY, VECTOR
from upstream.plan import BEFORE_CUT, HELLO, THOUGHTS, Usage

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
RESULTS = ("21 °C", "half past nine")


def png(side=12):
    """A real image, made here: services look into them."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x * 20, y * 20, 128)[i] for x in range(side) for i in range(3)) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def same(seen, expected):
    assert seen == expected, f"{seen!r} instead of {expected!r}"


def text(at, stream=False):
    answer = at.ask("Say hello", stream=stream)
    same(answer.text, HELLO)
    same(at.seen().system, [SYSTEM])
    same(at.seen().texts, ["Say hello"])
    return answer


def stream(at):
    answer = text(at, stream=True)
    assert answer.pieces > 3, f"the text came in {answer.pieces} pieces"


def conversation(at):
    history = at.user("Say hello")
    history = [*history, *at.client.ask(history).turn, *at.user("Again")]
    same(at.client.ask(history).text, HELLO)
    same(at.seen().texts, ["Say hello", "Again"])


def tools(at, stream=False):
    history = at.user("#tool")
    answer = at.client.ask(history, stream=stream, tools=True)
    same(answer.text, "I shall look. ")
    same([call[1:] for call in answer.calls], [("weather", {"city": "Köln"})])
    same(list(at.seen().tools), ["weather", "clock"])
    same(at.seen().tools["weather"]["properties"]["city"]["type"].lower(), "string")
    final = at.client.ask([*history, *at.client.results(answer, RESULTS)], stream=stream, tools=True)
    same(final.text, f"The tool said: {RESULTS[0]}")
    same(at.seen().calls, [("weather", {"city": "Köln"})])
    same(at.seen().results, [("weather", RESULTS[0])])


def tools_streamed(at):
    tools(at, stream=True)


def parallel(at, stream=False):
    history = at.user("#parallel")
    answer = at.client.ask(history, stream=stream, tools=True)
    same([call[1:] for call in answer.calls], [("weather", {"city": "Paris"}), ("clock", {})])
    ids = [call[0] for call in answer.calls]
    assert len(set(ids)) == len(ids), f"the calls cannot be told apart: {ids}"
    at.client.ask([*history, *at.client.results(answer, RESULTS)], stream=stream, tools=True)
    same(sorted(at.seen().results), [("clock", RESULTS[1]), ("weather", RESULTS[0])])


def parallel_streamed(at):
    parallel(at, stream=True)


def image(at):
    picture = png()
    answer = at.client.ask(at.user("What is it? #image", picture))
    same(at.seen().images, [("image/png", picture)])
    same(answer.text, f"I see image/png of {len(picture)} bytes.")


def schema(at):
    answer = at.client.ask(at.user("#schema"), schema=PERSON)
    same(json.loads(answer.text), {"name": "Zoë", "age": 7})
    same(list(at.seen().schema["properties"]), ["name", "age"])
    same(sorted(at.seen().schema["required"]), ["age", "name"])


def thinking(at, stream=False):
    answer = at.client.ask(at.user("#think"), stream=stream, thinking=True)
    same(answer.text, HELLO)
    same(answer.thoughts, THOUGHTS)
    assert at.seen().thinks, "nobody asked the upstream to think"


def thinking_streamed(at):
    thinking(at, stream=True)


def steps(at, stream=False, client=None):
    """Two tools one after another with thoughts before each: what was signed comes back as it was."""
    client = client or at.client
    history = client.user("#think-steps")
    for city in ("Paris", "Rome"):
        answer = client.ask(history, stream=stream, tools=True, thinking=True)
        same([call[1:] for call in answer.calls], [("weather", {"city": city})])
        history = [*history, *client.results(answer, [f"Rain in {city}"])]
    final = client.ask(history, stream=stream, tools=True, thinking=True)
    same(final.text, "The tool said: Rain in Paris; Rain in Rome")
    same(at.seen().results, [("weather", "Rain in Paris"), ("weather", "Rain in Rome")])
    if at.kind != "openai_compatible":
        # The upstream refuses signatures it did not give; so two of them are the two it gave, by their bytes.
        came = set(at.seen().opaque)
        same(len(came), 2)
        respelled = isinstance(client, GenAI)
        assert respelled or came <= at.upstream.dialect.signatures(), "a signature was spelled anew"


def steps_streamed(at):
    steps(at, stream=True)


def steps_bare(at):
    steps(at, client=at.connect(OpenAIChatBare))
    steps(at, client=at.connect(OpenAIChatBare), stream=True)


def failure(at, status, stream=False):
    client = at.connect(type(at.client), f"status-{status}")
    try:
        client.ask(client.user("Say hello"), stream=stream)
    except client.error as error:
        return error
    raise AssertionError(f"a request that fails with {status} was answered")


def errors(at):
    for status in STATUSES:
        error = failure(at, status, stream=status == 500)
        served = at.status_for(status)
        assert isinstance(error, at.client.expected(served)), f"{status} raised {error!r}"
        if served < 500:
            same(at.client.status(error), served)
        else:
            assert at.client.status(error) >= 500, repr(error)
        if status == 429:
            assert 0 < at.client.retry_after(error) <= 7, "when to come back is not said"


def broken(at):
    """A stream that fails midway raises, with what came before it."""
    partial(at, "#break")


def cut(at):
    """So does one whose connection ends without a word."""
    partial(at, "#cut")


def partial(at, script):
    try:
        answer = at.ask(script, stream=True)
    except Cut as raised:
        same(raised.text, BEFORE_CUT)
    else:
        raise AssertionError(f"it looked whole: {answer.text!r}")


def usage(at, stream=False):
    same(at.ask("Say hello", stream=stream).usage, Usage(100, 40, 18, 0))
    same(at.client.ask(at.user("#think"), stream=stream, thinking=True).usage, Usage(100, 40, 30, 12))


def usage_streamed(at):
    usage(at, stream=True)


def count(at):
    counted = at.client.count("How long is this, please?")
    if at.kind in ("openai_compatible",):
        assert 3 < counted < 40, f"an estimate of {counted} tokens"
    else:
        same(counted, 100)


def embeddings(at):
    if at.kind == "anthropic":
        try:
            at.client.embed(at.model, "hello")
        except at.client.error as error:
            assert at.client.status(error) in (400, 404), repr(error)
            return
        raise AssertionError("something that has no embeddings gave one")
    same(at.client.embed(EMBEDDERS[at.kind], "hello"), VECTOR)


def models(at):
    names = at.client.models()
    assert at.model in names, names
    same(len(names), len(set(names)))


def stranger(at):
    """A wrong key is the client's own fault and says so."""
    client = at.connect(type(at.client), key="somebody-elses")
    try:
        client.ask(client.user("Say hello"))
    except client.error as error:
        assert client.status(error) in (400, 401, 403), repr(error)
    else:
        raise AssertionError("a wrong key was accepted")


def state(at):
    """The server remembers a response, until it is deleted."""
    api = at.client.client.responses
    first = api.create(model=at.model, input="Say hello")
    same(api.retrieve(first.id).output_text, HELLO)
    second = api.create(model=at.model, input="Again", previous_response_id=first.id)
    same(second.output_text, HELLO)
    same(at.seen().texts, ["Say hello", "Again"])
    api.delete(first.id)
    try:
        api.retrieve(first.id)
    except at.client.error as error:
        same(error.status_code, 404)
    else:
        raise AssertionError("a deleted response was found")


def losses(at):
    """What cannot be carried over is named, and refused where nothing may be lost."""
    completions = at.client.client.chat.completions
    lost = {"seed": 7} if at.kind != "google" else {"logit_bias": {"50256": -100}}
    name = next(iter(lost))
    request = {"model": at.model, "messages": at.user("Say hello"), **lost}
    raw = completions.with_raw_response.create(**request)
    assert name in raw.headers.get("x-autogw-dropped", ""), f"{name} went without a word"
    before = len(at.upstream.requests)
    try:
        completions.create(**request, extra_headers={"x-autogw-fidelity": "strict"})
    except at.client.error as error:
        same(error.status_code, 400)
        assert name in str(error), f"the error does not name {name}: {error}"
    else:
        raise AssertionError(f"strict let {name} go")
    same(len(at.upstream.requests), before)


def picky(at):
    """What a model refuses is left out, and that is said."""
    completions = at.client.client.chat.completions
    raw = completions.with_raw_response.create(model=PICKY[at.kind], messages=at.user("Say hello"), temperature=0.3)
    same(raw.parse().choices[0].message.content, HELLO)
    assert "temperature" in raw.headers.get("x-autogw-dropped", ""), "the temperature went without a word"


EVERY = (
    text,
    stream,
    conversation,
    tools,
    tools_streamed,
    parallel,
    parallel_streamed,
    image,
    schema,
    thinking,
    thinking_streamed,
    steps,
    steps_streamed,
    errors,
    broken,
    usage,
    usage_streamed,
    models,
    stranger,
)
# Cases that only some clients have.
ONLY = {
    count: ("responses", "anthropic", "genai"),
    embeddings: ("openai", "genai"),
    steps_bare: ("openai",),
    state: ("responses",),
    losses: ("openai",),
    picky: ("openai",),
    cut: ("openai", "responses", "anthropic", "genai"),
}
# Cases about what the gateway adds. SDKs alone take some cut streams for whole ones, and only the gateway keeps
# what a client dropped.
OF_THE_GATEWAY = {cut, losses, picky, steps_bare}


def applicable(client, kind, direct):
    found = [*EVERY, *(case for case, clients in ONLY.items() if client in clients)]
    if direct:
        found = [case for case in found if case not in OF_THE_GATEWAY]
    # Nothing is lost where the dialect stays the same, and not every upstream refuses things.
    where = {losses: {"anthropic", "google"}, picky: set(PICKY)}
    return [case for case in found if kind in where.get(case, {kind})]
