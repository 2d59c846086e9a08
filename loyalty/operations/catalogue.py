"""Changing what a program offers, while tills take from it."""

from collections.abc import Collection

from django.db import transaction

from loyalty.models import Reward, RewardPicture
from loyalty.pictures import Picture


@transaction.atomic(savepoint=False)
def change_reward(*, reward: Reward, fields: Collection[str], shown_stock: int | None) -> None:
    """Save these fields of the reward and no other.

    `shown_stock` is what whoever typed a new stock had before their eyes: what tills took meanwhile is taken off the
    new one too, so that a form that stood open for an hour sells nothing twice.
    """
    now = Reward.objects.select_for_update(no_key=True).values_list("stock", flat=True).get(pk=reward.pk)
    if "stock" not in fields:
        reward.stock = now
    elif reward.stock is not None and shown_stock is not None and now is not None:
        reward.stock = max(0, now + reward.stock - shown_stock)
    if fields:
        reward.save(update_fields=list(fields))


@transaction.atomic(savepoint=False)
def set_picture(*, reward: Reward, picture: Picture | None) -> None:
    """Give the reward this picture, under an address of its own, or none."""
    RewardPicture.objects.filter(reward=reward).delete()
    if picture is not None:
        RewardPicture.objects.create(
            reward=reward,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            content=picture.content,
        )
