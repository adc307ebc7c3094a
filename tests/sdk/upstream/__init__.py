"""Scripted upstreams, one of each dialect, with nothing but the standard library."""

from . import plan
from .anthropic_messages import Anthropic
from .gemini import Gemini
from .openai_chat import VECTOR, Chat, OpenAI
from .serving import Upstream

DIALECTS = {"openai_compatible": Chat, "openai": OpenAI, "anthropic": Anthropic, "google": Gemini}
# The model that each upstream is known for.
MODELS = {
    "openai_compatible": "house-1",
    "openai": "gpt-5.6",
    "anthropic": "claude-sonnet-4-6",
    "google": "gemini-3-pro",
}
# Models that refuse a temperature.
PICKY = {"openai": "gpt-5.6", "anthropic": "claude-opus-5-5"}
EMBEDDERS = {"openai_compatible": "embed-1", "openai": "text-embedding-3-small", "google": "gemini-embedding-2"}


def upstream(kind, key):
    return Upstream(DIALECTS[kind](), key)
