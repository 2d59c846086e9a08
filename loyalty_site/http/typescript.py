"""An OpenAPI 3.1 schema as TypeScript declarations."""

import json
import re
from typing import Any

_HEAD = """\
// Types of the API, made from docs/openapi.yaml by `manage.py openapi_types`; do not edit.
// Times are ISO 8601 texts with an offset, money and rates decimal texts, points whole numbers.
"""
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def declarations(schema: dict[str, Any]) -> str:
    """The schema's components as types, and its operations as one interface by operation id."""
    parts = [_HEAD]
    for name, component in sorted(schema["components"]["schemas"].items()):
        parts.append(_component(name, component))
    parts.append(_operations(schema))
    return "\n".join(parts)


def _component(name: str, component: dict[str, Any]) -> str:
    comment = _comment(component.get("description", ""), "")
    if "properties" in component and "allOf" not in component:
        return f"{comment}export interface {name} {_object(component, '')}\n"
    return f"{comment}export type {name} = {_type(component, '')};\n"


def _operations(schema: dict[str, Any]) -> str:
    lines = ["/** What each operation takes and answers, by its id. */", "export interface Operations {"]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            lines += _operation(path, method, operation)
    return "\n".join([*lines, "}", ""])


def _operation(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    named: dict[str, list[dict[str, Any]]] = {"path": [], "query": []}
    for parameter in operation.get("parameters", []):
        named.get(parameter["in"], []).append(parameter)
    lines = [
        f"  /** {operation.get('summary', '')}: {method.upper()} {path} */",
        f"  {operation['operationId']}: {{",
        f"    method: {json.dumps(method.upper())};",
        f"    path: {json.dumps(path)};",
    ]
    for place, parameters in named.items():
        if parameters:
            inside = "; ".join(
                f"{_key(each['name'])}{'' if each.get('required') else '?'}: {_type(each['schema'], '    ')}"
                for each in parameters
            )
            lines.append(f"    {place}Parameters: {{ {inside} }};")
    body = _content(operation.get("requestBody", {}))
    if body is not None:
        lines.append(f"    body: {body};")
    answers = [
        (status, _content(answer))
        for status, answer in sorted(operation["responses"].items())
        if status.startswith("2")
    ]
    inside = "; ".join(f"{status}: {answer or 'undefined'}" for status, answer in answers)
    return [*lines, f"    answers: {{ {inside} }};", "  };"]


def _content(holder: dict[str, Any]) -> str | None:
    for media in holder.get("content", {}).values():
        if "schema" in media:
            return _type(media["schema"], "    ")
    return None


def _object(schema: dict[str, Any], indent: str) -> str:
    required = set(schema.get("required", ()))
    lines = ["{"]
    for name, part in schema["properties"].items():
        comment = _comment(part.get("description", ""), f"{indent}  ")
        read_only = "readonly " if part.get("readOnly") else ""
        mark = "" if name in required else "?"
        lines.append(f"{comment}{indent}  {read_only}{_key(name)}{mark}: {_type(part, indent + '  ')};")
    return "\n".join([*lines, f"{indent}}}"])


def _type(schema: dict[str, Any], indent: str) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in schema["enum"]))
    for word, sign in (("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")):
        if word in schema:
            return sign.join(dict.fromkeys(_type(each, indent) for each in schema[word]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(dict.fromkeys(_type({**schema, "type": each}, indent) for each in kind))
    if kind == "array":
        inside = _type(schema.get("items", {}), indent)
        return f"({inside})[]" if " " in inside and not inside.startswith("{") else f"{inside}[]"
    if kind == "object" or "properties" in schema:
        return _object(schema, indent) if schema.get("properties") else _map(schema, indent)
    return _PLAIN.get(str(kind), "unknown")


def _map(schema: dict[str, Any], indent: str) -> str:
    values = schema.get("additionalProperties")
    if values is False:
        return "Record<string, never>"
    return f"Record<string, {_type(values, indent) if isinstance(values, dict) and values else 'unknown'}>"


def _comment(text: str, indent: str) -> str:
    words = " ".join(text.split()).replace("*/", "* /")
    return f"{indent}/** {words} */\n" if words else ""


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else json.dumps(name)
