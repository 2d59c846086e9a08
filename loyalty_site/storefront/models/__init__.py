from loyalty_site.storefront.models.funnel import EnrollmentFunnel, FunnelStep
from loyalty_site.storefront.models.requests import JoinRequest

__all__ = ["EnrollmentFunnel", "FunnelStep", "JoinRequest"]
