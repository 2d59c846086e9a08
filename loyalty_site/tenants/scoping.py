"""The base of every admin class: a merchant's staff see that merchant's rows, and nobody else's are there.

    @admin.register(Tier)
    class TierAdmin(MerchantScopedAdmin):
        merchant_path = "program__merchant_id"

Lists, pages, forms, foreign keys, autocomplete, filters, actions, history and exports all begin at `rows`. Another
merchant's row is answered as a row that never was: 404. A class on another base is refused by a test.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin.options import ShowFacets
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured, PermissionDenied, ValidationError
from django.db import IntegrityError
from django.db.models import Field, Model, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, TabularInline

from loyalty_site.tenants import permissions
from loyalty_site.tenants.filters import ScopedRelatedFilter
from loyalty_site.tenants.models import User
from loyalty_site.tenants.paginating import BoundedPaginator, ScopedChangeList


class _Scoped:
    """What admin classes and inlines share: which rows are there, and who may do what with them."""

    model: type[Model]
    opts: Any
    admin_site: Any
    raw_id_fields: Any

    def permission(self, action: str) -> str:
        """Django's name of a permission on this model."""
        return f"{self.opts.app_label}.{action}_{self.opts.model_name}"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the buttons that open the chosen row in a window of its own: each noun has its page."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the rows of merchants at which the user may change this model, and take no other."""
        if db_field.name in self.raw_id_fields:
            raise ImproperlyConfigured("A raw id field shows the name of any row; use autocomplete_fields.")
        kwargs["queryset"] = own_rows(
            self.admin_site, request.user, db_field.remote_field.model, self.permission("change")
        )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """As for a foreign key."""
        kwargs["queryset"] = own_rows(
            self.admin_site, request.user, db_field.remote_field.model, self.permission("change")
        )
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


class MerchantScopedAdmin(_Scoped, ModelAdmin):
    """An admin class whose rows belong to merchants; `merchant_path` leads from a row to the merchant's id.

    Where a row is of one store, `store_path` leads to the store's id, and a role bound to another store has no such
    row. Nothing can be deleted unless `deletable` says so.
    """

    merchant_path: ClassVar[str] = ""
    store_path: ClassVar[str] = ""
    deletable: ClassVar[bool] = False
    # Rows of a page, and the attribute without which they have nothing to say.
    shown_if: ClassVar[dict[str, str]] = {}

    paginator = BoundedPaginator
    show_full_result_count = False
    # A count beside every choice of every filter is a scan of the list for each.
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 50
    actions_on_top = True
    list_filter_submit = True
    # A failing save must not lose what was typed, and a list must not lose where it was.
    preserve_filters = True

    def __init__(self, model: type[Model], admin_site: Any) -> None:
        if not self.merchant_path and not isinstance(self, PlatformAdmin):
            raise ImproperlyConfigured(f"{type(self).__name__} does not say where its merchant is: merchant_path.")
        super().__init__(model, admin_site)

    # --- Which rows are there ---------------------------------------------------------------------------------
    def rows(self, user: Any, *needed: str) -> QuerySet[Any]:
        """The rows of merchants at which the user holds every one of the `needed` permissions."""
        everything = self.model._default_manager.all()
        if permissions.is_platform(user):
            return everything
        mine = Q(pk__in=[])
        for role in permissions.staff_roles(user):
            if role.merchant_id and all(permissions.holds(role, each) for each in needed):
                mine |= self.at(role.merchant_id, role.store_id)
        return everything.filter(mine)

    def at(self, merchant_id: UUID, store_id: UUID | None) -> Q:
        """The condition that a row is of this merchant, and, where rows are of a store, of this store."""
        condition = Q(**{self.merchant_path: merchant_id})
        if store_id is not None and self.store_path:
            condition &= Q(**{self.store_path: store_id})
        return condition

    def merchants_of(self, row: Any) -> set[UUID]:
        """The ids of the merchants a row belongs to; for a row about to be saved as well."""
        value = row
        for step in self.merchant_path.split(LOOKUP_SEP):
            value = getattr(value, step, None)
        return {value} if value is not None else set()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = self.rows(request.user, self.permission("view"))
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    # --- Who may do what with them ----------------------------------------------------------------------------
    def holds(self, request: HttpRequest, permission: str, row: Any = None) -> bool:
        """Whether the user holds the permission at the row's merchant; without a row, anywhere."""
        if permissions.is_platform(request.user):
            return True
        if row is None:
            return permissions.holds_anywhere(request.user, permission)
        if not isinstance(row, Model):
            row = self.get_object(request, str(row))
        if row is None:
            return False
        merchants = self.merchants_of(row)
        store = _follow(row, self.store_path) if self.store_path else None
        return any(
            role.merchant_id in merchants
            and permissions.holds(role, permission)
            and (role.store_id is None or not self.store_path or role.store_id == store)
            for role in permissions.staff_roles(request.user)
        )

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.holds(request, self.permission("view"), obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.holds(request, self.permission("add"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.holds(request, self.permission("change"), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and self.holds(request, self.permission("delete"), obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        raise Http404

    # --- Lists ------------------------------------------------------------------------------------------------
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ScopedChangeList]:
        return ScopedChangeList

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Whoever works for one merchant need not read its name in every row."""
        columns = list(super().get_list_display(request))
        if not permissions.is_platform(request.user) and len(self._places(request)) < 2:
            columns = [column for column in columns if column != "merchant"]
        return columns

    def _places(self, request: HttpRequest) -> set[UUID]:
        return set(permissions.merchants_where(request.user, self.permission("view")))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # PostgreSQL refuses a text with a NUL in it; nothing is called that.
        return super().get_search_results(request, queryset, search_term.replace("\x00", ""))

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """The filters, those over a foreign key with choices of the user's own."""
        return [self._filter(each) for each in super().get_list_filter(request)]

    def _filter(self, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        field = _field_at(self.model, given)
        if field is None or not field.is_relation:
            return given
        return (given, ScopedRelatedFilter)

    def changeable(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the rows that the user may change: a list shows what may be seen, an action does more."""
        return self.narrowed(request, queryset, self.permission("change"))

    def narrowed(self, request: HttpRequest, queryset: QuerySet[Any], permission: str) -> QuerySet[Any]:
        """Those of the rows at whose merchants the user holds one more permission."""
        if permissions.is_platform(request.user):
            return queryset
        return queryset.filter(pk__in=self.rows(request.user, self.permission("view"), permission).values("pk"))

    # --- Forms and pages ---------------------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        empty = {name for name, needed in self.shown_if.items() if obj is not None and not getattr(obj, needed)}
        return [name for name in fields if name not in empty]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """A row never moves to another merchant."""
        fields = list(super().get_readonly_fields(request, obj))
        if obj is not None and self.merchant_path == "merchant_id" and "merchant" not in fields:
            fields.append("merchant")
        return fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        if self.merchant_path == "merchant_id" and "merchant" not in initial:
            mine = set(permissions.merchants_where(request.user, self.permission("add")))
            if len(mine) == 1:
                initial["merchant"] = mine.pop()
        return initial

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, which refuses a row that points from one merchant to another."""
        base = super().get_form(request, obj, change, **kwargs)
        model_admin = self

        class OneMerchantForm(base):  # type: ignore[misc, valid-type]
            def _post_clean(self) -> None:
                super()._post_clean()
                obeys_constraints(self)
                model_admin.stays_at_one_merchant(self)

        OneMerchantForm.__name__ = base.__name__
        return OneMerchantForm

    def stays_at_one_merchant(self, form: Any) -> None:
        """Add an error where a chosen row is of another merchant than the row itself."""
        if form.errors:
            return
        home = self.merchants_of(form.instance)
        for name, chosen in list(form.cleaned_data.items()):
            if not isinstance(chosen, Model) or name not in form.fields:
                continue
            owner = self.admin_site._registry.get(type(chosen))
            places = owner.merchants_of(chosen) if isinstance(owner, MerchantScopedAdmin) else set()
            if places and home and not places & home:
                form.add_error(name, ValidationError(_("This belongs to another merchant."), code="other_merchant"))

    def changeform_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        """What two people save at one moment is refused by the database alone, and then said in words."""
        try:
            return super().changeform_view(request, *args, **more)
        except IntegrityError:
            self.message_user(
                request, _("Something alike was saved by somebody else; nothing of yours was. Try again."), "ERROR"
            )
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.demand_change(request, obj, change=change)
        super().save_model(request, obj, form, change)

    def demand_change(self, request: HttpRequest, obj: Any, *, change: bool = True) -> None:
        """Raise PermissionDenied for who may not save this row, as it is now."""
        # The form offers nothing else; this is for the form that one day does.
        if not self.holds(request, self.permission("change" if change else "add"), obj):
            raise PermissionDenied


class PlatformAdmin(MerchantScopedAdmin):
    """Rows of nobody in particular: there for the platform's people alone."""

    def rows(self, user: Any, *needed: str) -> QuerySet[Any]:
        everything = self.model._default_manager.all()
        return everything if permissions.is_platform(user) else everything.none()

    def merchants_of(self, row: Any) -> set[UUID]:
        return set()

    def holds(self, request: HttpRequest, permission: str, row: Any = None) -> bool:
        return permissions.is_platform(request.user)


class ReadOnly:
    """Rows that are looked at: the house writes them, nobody types them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MerchantScopedInline(_Scoped, TabularInline):
    """Rows shown on the page of what they belong to; that row's merchant decides who may do what."""

    extra = 0
    deletable: ClassVar[bool] = False

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        base = formset.form

        class ObedientForm(base):  # type: ignore[misc, valid-type]
            def _post_clean(self) -> None:
                super()._post_clean()
                obeys_constraints(self)

        formset.form = ObedientForm
        return formset

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = own_rows(self.admin_site, request.user, self.model, self.permission("view"))
        ordering = self.get_ordering(request)
        return mine.order_by(*ordering) if ordering else mine

    def _holds(self, request: HttpRequest, action: str, parent: Any) -> bool:
        permission = self.permission(action)
        if parent is None or permissions.is_platform(request.user):
            return permissions.holds_anywhere(request.user, permission)
        places = self.admin_site._registry[type(parent)].merchants_of(parent)
        return bool(places.intersection(permissions.merchants_where(request.user, permission)))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._holds(request, "view", obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._holds(request, "add", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._holds(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and self._holds(request, "delete", obj)


def obeys_constraints(form: Any) -> None:
    """Add an error where the row breaks a constraint that Django left out.

    It checks none over a field the form does not have, and the merchant, or the program, is shown and not typed: two
    customers of one address would then be PostgreSQL's to refuse.
    """
    if form.errors:
        return
    try:
        form.instance.validate_constraints()
    except ValidationError as error:
        form._update_errors(error)


def own_rows(site: Any, user: "User | Any", model: type[Model], *needed: str) -> QuerySet[Any]:
    """Rows of `model` that the user sees, at merchants where they hold `needed`; none where nobody is in charge."""
    in_charge = site._registry.get(model)
    if not isinstance(in_charge, MerchantScopedAdmin):
        return model._default_manager.none()
    return in_charge.rows(user, in_charge.permission("view"), *needed)


def _follow(row: Any, path: str) -> Any:
    for step in path.split(LOOKUP_SEP):
        row = getattr(row, step, None)
    return row


def _field_at(model: type[Model], path: str) -> "Field[Any, Any] | None":
    """The field that a filter's path ends at; None where it is no field's."""
    field: Any = None
    for step in path.split(LOOKUP_SEP):
        try:
            field = model._meta.get_field(step)
        except FieldDoesNotExist:
            return None
        if field.is_relation:
            model = field.related_model
    return field
