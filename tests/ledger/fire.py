"""Many processes that post to the same few members: `python -m tests.ledger.fire PROCESSES SECONDS SEED`.

Serves from DATABASE_URL as it finds it, and prints one JSON object: what was committed, what was refused, and every
error that is neither (there must be none).
"""

import json
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FLAGS = ("gives_back", "moves_lifetime", "is_activity", "expires_at", "reopens_until", "occurred_at")


class Till:
    """One process's doings: it releases and fulfils what it held itself, and gives back what it took."""

    def __init__(self, seed: int) -> None:
        from loyalty.models import Member

        self.random = random.Random(seed)
        self.turn = 0
        self.members = list(Member.objects.order_by("pk"))
        self.holds: list[tuple[Any, int]] = []
        self.taken: list[Any] = []
        self.kept: list[str] = []
        self.held: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.errors: list[str] = []

    def run(self, until: float) -> dict[str, Any]:
        """Post batches until then."""
        while time.monotonic() < until and not self.errors:
            self.once()
        return {"kept": self.kept, "held": self.held, "outcomes": self.outcomes, "errors": self.errors}

    def once(self) -> None:
        """One batch in one transaction, which in one of ten cases is rolled back."""
        from django.db import transaction

        from loyalty import ledger
        from loyalty_site.refusals import Refusal

        self.turn += 1
        body = self.random.choice(["rows", "rows", "set"])
        members = self.random.sample(self.members, self.random.randint(1, 5))
        if body == "rows" and self.random.random() < 0.3:
            members.append(members[0])
        holds, taken = list(self.holds), list(self.taken)
        postings = [self.posting(member) for member in members]
        given_up = self.random.random() < 0.1
        try:
            with transaction.atomic():
                posted = ledger.post(postings, at=NOON, body=body)
                transaction.set_rollback(given_up)
        except Refusal as refusal:
            self.outcomes[refusal.code] += 1
            given_up = True
        except Exception as error:
            self.errors.append(f"{type(error).__name__}: {error}")
            return
        if given_up:
            self.outcomes["given up"] += 1
            self.holds, self.taken = holds, taken
            return
        for one in posted:
            self.keep(one)

    def keep(self, one: Any) -> None:
        """Remember what was committed."""
        self.outcomes["created" if one.created else "moved" if one.moved else "nothing"] += 1
        if one.created:
            self.kept.append(str(one.entry.pk))
            if one.entry.points_delta < 0:
                self.taken.append(one.entry)
        if one.moved:
            self.held[str(one.posting.member.pk)] += one.posting.held
            if one.posting.held > 0:
                self.holds.append((one.posting.member, one.posting.held))

    def posting(self, member: Any) -> Any:
        """What this member does now."""
        from loyalty.ledger import Posting, Short
        from loyalty.models import EntryType

        draw = self.random
        kind = draw.choice(["earn", "earn", "earn", "take", "take", "hold", "close", "give back", "stamp"])
        asked: dict[str, Any] = {
            "member": member,
            "short": draw.choice(list(Short)),
            "is_activity": draw.random() < 0.5,
        }
        if kind != "hold":
            # The tills go on at about the same pace, so that they bring the same keys at about the same time.
            number = self.turn + draw.randrange(20)
            asked["key"] = draw.choice([None, None, None, f"own:{member.pk}:{number}"])
            if draw.random() < 0.15:
                asked["key"] = f"order:{number}"
            asked["occurred_at"] = NOON + timedelta(seconds=draw.randrange(3))
        due = draw.choice([None, NOON + timedelta(seconds=draw.randrange(60))])
        if kind == "take":
            types = [EntryType.REFUND, EntryType.POINTS_EXPIRED, EntryType.REDEEM]
            asked |= {"type": draw.choice(types), "points": -draw.randrange(80), "moves_lifetime": draw.random() < 0.5}
        elif kind == "hold":
            asked |= {"type": None, "held": draw.randrange(1, 20), "is_activity": False}
        elif kind == "close" and (mine := [hold for hold in self.holds if hold[0] == member]):
            held = mine[0][1]
            self.holds.remove(mine[0])
            fulfils = draw.random() < 0.5
            # Neither key nor limit: what is held is there, and is let go of once.
            asked |= {"short": Short.REFUSE, "key": None, "held": -held, "is_activity": False}
            asked |= {"type": EntryType.REDEEM, "points": -held} if fulfils else {"type": None, "occurred_at": None}
        elif kind == "give back" and (mine := [entry for entry in self.taken if entry.member_id == member.pk]):
            asked |= {"type": EntryType.UNDO, "points": draw.randrange(1, 20), "gives_back": True}
            asked |= {"answers_id": draw.choice(mine).pk, "reopens_until": due, "moves_lifetime": True}
        elif kind == "stamp":
            asked |= {"type": EntryType.STAMP_EARNED, "stamps": draw.randint(-3, 3)}
        else:
            asked |= {"type": EntryType.EARN, "points": draw.randrange(25), "expires_at": due}
        posting = Posting(**asked)
        for name in FLAGS:
            value = getattr(posting, name)
            posting.metadata[name] = value.isoformat() if isinstance(value, datetime) else value
        return posting


def _work(place: int, seconds: float, seed: int, answers: Any) -> None:
    answers.put(Till(seed + place).run(time.monotonic() + seconds))


def main(processes: int, seconds: float, seed: int) -> None:
    """Fork the tills, each with a connection of its own, and print what they did together."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
    django.setup()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    tills = [context.Process(target=_work, args=(place, seconds, seed, answers)) for place in range(processes)]
    for till in tills:
        till.start()
    told = [answers.get(timeout=seconds + 120) for _ in tills]
    for till in tills:
        till.join()
    held: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for one in told:
        outcomes.update(one["outcomes"])
        for member, points in one["held"].items():
            held[member] += points
    json.dump(
        {
            "kept": [entry for one in told for entry in one["kept"]],
            "held": held,
            "outcomes": outcomes,
            "errors": [error for one in told for error in one["errors"]],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
