"""What EXPLAIN says of a statement, as nodes to look through."""

import json
from collections.abc import Callable
from typing import Any

from django.db import connection

Node = dict[str, Any]


def plan_of(query: str, parameters: Any, pin: Callable[[Any], None]) -> list[Node]:
    """Every node of the statement's plan, run in the transaction under way after `pin` has had the cursor."""
    with connection.cursor() as cursor:
        pin(cursor)
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}", parameters)
        [(told,)] = cursor.fetchall()
    top = json.loads(told) if isinstance(told, str) else told
    return list(_nodes(top[0]["Plan"]))


def _nodes(node: Node) -> list[Node]:
    return [node, *(inner for child in node.get("Plans", []) for inner in _nodes(child))]


def read_through(nodes: list[Node]) -> set[str]:
    """The tables that the plan reads from end to end."""
    return {node["Relation Name"] for node in nodes if node["Node Type"] in ("Seq Scan", "Bitmap Heap Scan")}


def looked_at(nodes: list[Node], table: str) -> int:
    """How many of the table's rows the plan had in its hands, those it threw away included."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes
        if node.get("Relation Name") == table
    )
