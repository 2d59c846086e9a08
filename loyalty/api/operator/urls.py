"""The operator door's addresses, below /api/v1/loyalty/."""

from django.urls import path

from loyalty.api.operator import members

urlpatterns = [
    path("members/<str:user_id>", members.OneMember.as_view(), name="loyalty-member"),
]
