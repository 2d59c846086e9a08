"""Pictures of rewards, for whoever has the address: they stand on public pages."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from loyalty.models import RewardPicture


@require_safe
def reward_picture(request: HttpRequest, picture_id: UUID) -> HttpResponse:
    """The picture as it was uploaded. Another picture has another address, so that this one may be kept for good."""
    picture = get_object_or_404(RewardPicture.objects.only("media_type", "content"), pk=picture_id)
    response = HttpResponse(bytes(picture.content), content_type=picture.media_type)
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline"
    return response
