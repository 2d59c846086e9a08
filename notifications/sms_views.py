"""Where the provider of text messages reports what became of them."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications import tracking
from notifications.channels import sms
from notifications.models import Delivery

_STATUSES = {
    "sent": Delivery.Status.SENT,
    "delivered": Delivery.Status.DELIVERED,
    "read": Delivery.Status.OPENED,
    "undelivered": Delivery.Status.FAILED,
    "failed": Delivery.Status.FAILED,
}


@csrf_exempt
@require_POST
def status(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Bring the delivery up to date. Signed by the account, or 403; what we do not know is no fault of the caller's."""
    form = {name: request.POST.getlist(name) for name in request.POST}
    url = settings.PUBLIC_URL + request.get_full_path()
    if not sms.is_signed(request.headers.get("X-Twilio-Signature", ""), url=url, form=form):
        return HttpResponse(status=403)
    became = _STATUSES.get(request.POST.get("MessageStatus", ""))
    if became is not None:
        code = request.POST.get("ErrorCode", "")[:20]
        tracking.note(
            delivery_id=str(delivery_id),
            provider_id="",
            status=became,
            at=timezone.now(),
            said=f"The provider could not deliver it: code {code}." if code else "",
            is_hard=code.isdecimal() and int(code) in sms.DEAD_NUMBERS,
        )
    return HttpResponse(status=204)
