"""Orders, booked in batches: each batch is one transaction and one posting of the ledger."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched_or_not as _unused
from uuid import UUID
