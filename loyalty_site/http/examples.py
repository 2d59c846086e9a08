"""An example for every answer of the schema that brings none: made from the answer's own schema, so that it fits."""

from typing import Any

_ID = "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11"
_FORMATS = {"uuid": _ID, "date-time": "2026-03-02T12:00:00Z", "date": "2026-03-02", "uri": "https://loyalty.example/"}
_NAMED: dict[str, Any] = {
    "merchant": "cafe",
    "cardNumber": "2718281828459045",
    "card": "2718281828459045",
    "currency": "EUR",
    "locale": "en",
    "timeZone": "Europe/Luxembourg",
    "firstName": "Alice",
    "lastName": "Weber",
    "email": "alice@example.com",
    "phone": "+352621123456",
    "month": "2026-09",
    "schedule": "0 2 * * *",
    "job": "loyalty.expire_points",
    "slug": "gold",
    "tier": "gold",
    "orderReference": "till-1/W-1001",
    "store": "counter",
    "reference": "counter",
    "name": "Counter",
    "beginsWith": "rk_4fJ2xQm",
    "key": "rk_4fJ2xQm...",
    "nextCursor": None,
    "error": None,
}


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give each answer in JSON an example, where it has none."""
    schemas = result.get("components", {}).get("schemas", {})
    for path in result.get("paths", {}).values():
        for operation in path.values():
            for answer in operation.get("responses", {}).values() if isinstance(operation, dict) else ():
                media = answer.get("content", {}).get("application/json")
                if media and "schema" in media and not media.get("examples"):
                    media["examples"] = {"example": {"value": _sample(media["schema"], schemas, "")}}
    return result


def _sample(schema: dict[str, Any], schemas: dict[str, Any], name: str) -> Any:
    schema = _resolved(schema, schemas)
    if "enum" in schema:
        return next(value for value in schema["enum"] if value not in ("", None))
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if name in _NAMED and (_NAMED[name] is not None or "null" in kinds):
        return _NAMED[name]
    if "properties" in schema:
        return {each: _sample(part, schemas, each) for each, part in schema["properties"].items()}
    if "array" in kinds:
        return [_sample(schema.get("items", {}), schemas, name)]
    if "object" in kinds:
        return {}
    return _plain(schema, kinds)


def _plain(schema: dict[str, Any], kinds: list[Any]) -> Any:
    if "boolean" in kinds:
        return True
    if "integer" in kinds:
        return max(120, schema.get("minimum", 0)) if schema.get("maximum", 120) >= 120 else schema["maximum"]
    if "number" in kinds:
        return 0.25
    if schema.get("format") == "decimal":
        return "10.00"
    return _FORMATS.get(schema.get("format", ""), "text") if "string" in kinds else None


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, behind references and choices."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        elif inner := schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf"):
            schema = inner[0]
        else:
            return schema
