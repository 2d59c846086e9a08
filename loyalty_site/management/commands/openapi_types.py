"""TypeScript types of the API, from its schema; no Node needed."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from drf_spectacular.generators import SchemaGenerator

from loyalty_site.http import typescript


class Command(BaseCommand):
    help = "Write the TypeScript types of the API (docs/types/loyalty.d.ts in the repository)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", metavar="PATH", help="where to; default: standard output")

    def handle(self, *args: Any, file: str | None, **options: Any) -> None:
        schema = SchemaGenerator().get_schema(request=None, public=True)
        text = typescript.declarations(schema)
        if file is None:
            self.stdout.write(text, ending="")
            return
        Path(file).write_text(text, encoding="utf-8")
        self.stdout.write(f"Wrote {text.count('export ')} types to {file}.")
