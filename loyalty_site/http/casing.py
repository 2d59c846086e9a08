"""JSON in camelCase outside, snake_case inside; what merchants name themselves is left as it is."""

import re
from functools import lru_cache
from typing import Any

# Below these names keys are the merchant's own.
AS_GIVEN = frozenset({"metadata", "benefits", "items"})


@lru_cache(4096)
def camel(name: str) -> str:
    """`points_delta` as `pointsDelta`."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


@lru_cache(4096)
def snake(name: str) -> str:
    """`pointsDelta` as `points_delta`; a name in snake_case stays."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)


def camelized(value: Any) -> Any:
    """The value with every key in camelCase."""
    if isinstance(value, dict):
        return {camel(key): item if key in AS_GIVEN else camelized(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [camelized(item) for item in value]
    return value


def snaked(value: Any) -> Any:
    """The value with every key in snake_case. A key given both ways is left as given, and so refused as unknown."""
    if isinstance(value, dict):
        named: dict[str, Any] = {}
        for key, item in value.items():
            name = snake(key) if len(key) <= 100 else key
            if name in named:
                name = key if key != name else camel(key)
            named[name] = item if snake(name) in AS_GIVEN else snaked(item)
        return named
    if isinstance(value, list):
        return [snaked(item) for item in value]
    return value
