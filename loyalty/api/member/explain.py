"""Why this many points."""

from django.http import HttpResponse
from rest_framework.request import Request

from loyalty.api.doors import member_call
from loyalty.api.member.explain_shapes import ExplainQuery, ExplanationOutput, explanation
from loyalty.queries import explain
from loyalty_site.http.views import SharedView


class Explain(SharedView):
    """GET explain"""

    @member_call(
        "explain",
        "Why an entry, or what came of an order, is what it is: rule, rate, caps, lots, holds, what answered it since",
        parameters=[ExplainQuery],
        responses={200: ExplanationOutput},
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.queried(ExplainQuery)
        if "entry_id" in query:
            told = explain.of_entry(self.merchant, query["entry_id"], user_id=self.user_id)
        else:
            told = explain.of_order(self.merchant, query["order_reference"], user_id=self.user_id)
        return self.answered(explanation(told))
