"""The official SDKs behind one face, so that a case is written once.

An adapter does what a user of its SDK would: it builds requests with the SDK's own calls, appends answers to
the history as the SDK gives them, and collects streams with the SDK's helpers where it has them.
"""

from dataclasses import dataclass, field

# The tools that the scripted model knows.
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Its name"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = {"weather": ("The weather of a city", WEATHER), "clock": ("What time it is", None)}
SYSTEM = "You are brief."
PATIENCE = 20


@dataclass
class Answer:
    text: str = ""
    thoughts: str = ""
    # (id, name, arguments) of each call.
    calls: list = field(default_factory=list)
    usage: object = None
    # How many pieces of text a stream came in.
    pieces: int = 0
    # What the user appends to the history, in the SDK's own shape.
    turn: list = field(default_factory=list)


class Cut(Exception):
    """A stream raised; what had come until then is kept."""

    def __init__(self, text, cause):
        super().__init__(repr(cause))
        self.text, self.cause = text, cause


def adapters():
    from .anthropic_messages import AnthropicMessages
    from .genai import GenAI
    from .openai_chat import OpenAIChat
    from .openai_responses import OpenAIResponses

    return {"openai": OpenAIChat, "responses": OpenAIResponses, "anthropic": AnthropicMessages, "genai": GenAI}
