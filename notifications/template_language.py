"""What a merchant may write in a text: variables of that message, conditions, loops over lists; and nothing else.

A bare Django engine without loaders, libraries, settings or rows. What a text names is checked against the catalogue
before it is stored, and a context holds plain values only (`variables`), so that there is nothing to reach. A loop
stands in no other loop, so that the size of what is written is known before it is: `MOST` at most.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from django.template import Context, Engine, TemplateSyntaxError
from django.template.base import FilterExpression, Node, Template, TextNode, VariableNode
from django.template.base import Variable as Name
from django.template.defaulttags import CommentNode, ForNode, IfNode
from django.utils.translation import gettext as _

from loyalty_site.refusals import Refusal
from loyalty_site.texts import can_be_kept
from notifications import template_library
from notifications.variables import MOST_ITEMS, Kind, Variable

# Characters written at most, were every value as long as it may be.
MOST = 1_000_000
# Characters of a source; a subject has those of its column.
MOST_SOURCE = 50_000
_IN_A_LOOP = ("forloop.counter", "forloop.counter0", "forloop.revcounter", "forloop.first", "forloop.last")
_ESCAPED = 6  # "'" is written as "&#x27;"


class TemplateRefused(Refusal):
    """A text cannot be used; the line is where, the sentence why; without a line, all of it."""

    code = "template_refused"
    status = 422
    told = ("line",)

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        self.line = line
        super().__init__(
            _("Line %(line)s: %(reason)s") % {"line": line, "reason": reason} if line else reason, line=line
        )


class _BareEngine(Engine):
    default_builtins: ClassVar[list[str]] = [template_library.__name__]


_engine = _BareEngine(loaders=[])


def written(source: str, context: Mapping[str, Any], *, as_html: bool) -> str:
    """The text filled in. Values are escaped where it is HTML. Raises `TemplateRefused`."""
    # Without localization of Django's, which would read settings: the values know how they are shown.
    return _compiled(source).render(Context(dict(context), autoescape=as_html, use_l10n=False, use_tz=False))


def check(source: str, variables: Mapping[str, Variable]) -> None:
    """Raise `TemplateRefused` where the text does not compile, names what is no variable, or could grow too long."""
    if not can_be_kept(source):
        raise TemplateRefused(_("The text holds a NUL character or broken Unicode."), line=1)
    if len(source) > MOST_SOURCE:
        raise TemplateRefused(_("The text is longer than %d characters.") % MOST_SOURCE, line=1)
    try:
        size = _Walk(variables).size(_compiled(source).nodelist, {})
    except RecursionError:
        raise TemplateRefused(_("Conditions stand too deep in one another."), line=1) from None
    if size > MOST:
        raise TemplateRefused(_("Filled in, the text could grow beyond %d characters.") % MOST, line=1)


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    try:
        return Template(source, engine=_engine)
    except TemplateSyntaxError as error:
        token = getattr(error, "token", None)
        raise TemplateRefused(_reason(error), line=getattr(token, "lineno", 1)) from None
    except RecursionError:
        raise TemplateRefused(_("Conditions stand too deep in one another."), line=1) from None


def _reason(error: TemplateSyntaxError) -> str:
    """Django's sentence, and where it speaks of a tag or a filter, one that says what there is."""
    said = str(error)
    if "block tag" in said or "Unclosed tag" in said:
        tag = said.partition("'")[2].partition("'")[0].split()[:1]
        if "Unclosed tag" in said:
            return _("“%s” is not closed.") % (tag or [""])[0]
        return _("There is no tag “%(tag)s” here. There are: %(tags)s.") % {
            "tag": (tag or [""])[0],
            "tags": ", ".join(template_library.TAGS),
        }
    if said.startswith("Invalid filter"):
        return _("There is no filter “%(name)s”. There are: %(filters)s.") % {
            "name": said.partition("'")[2].partition("'")[0],
            "filters": ", ".join(template_library.FILTERS),
        }
    return said


class _Walk:
    """Goes through the parsed nodes: every name is looked up, and what can be written is counted."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self.variables = variables

    def size(self, nodes: Any, loop: Mapping[str, int]) -> int:
        """The most characters the parsed nodes write; `loop` holds the names there are in the loop around them."""
        return sum(self._node(node, loop) for node in nodes)

    def _node(self, node: Node, loop: Mapping[str, int]) -> int:
        line = getattr(getattr(node, "token", None), "lineno", 1)
        match node:
            case TextNode():
                return self._text(node.s, line)
            case CommentNode():
                return 0
            case VariableNode():
                return _ESCAPED * self._expression(node.filter_expression, loop, line)
            case IfNode():
                for condition, _nodes in node.conditions_nodelists:
                    for expression in _operands(condition):
                        self._expression(expression, loop, line, is_shown=False)
                return max(self.size(nodes, loop) for _condition, nodes in node.conditions_nodelists)
            case ForNode():
                return self._loop(node, loop, line)
        raise TemplateRefused(_("This tag is not for messages."), line=line)  # pragma: no cover (the library has none)

    def _text(self, text: str, line: int) -> int:
        for opening in ("{{", "{%", "{#"):
            if opening in text:
                line += text[: text.index(opening)].count("\n")
                raise TemplateRefused(_("“%s” is not closed on its line.") % opening, line=line)
        return len(text)

    def _loop(self, node: ForNode, loop: Mapping[str, int], line: int) -> int:
        if loop:
            raise TemplateRefused(_("A loop cannot stand in another loop."), line=line)
        sequence: Any = node.sequence
        name = _name(sequence.var)
        variable = self.variables.get(name)
        if variable is None:
            raise self._unknown(name, loop, line)
        if variable.kind != Kind.LIST or sequence.filters:
            raise TemplateRefused(_("“%s” is no list to loop over.") % sequence.token, line=line)
        if len(node.loopvars) > 1:
            raise TemplateRefused(_("A loop has one variable."), line=line)
        inside = {node.loopvars[0]: variable.most, **dict.fromkeys(_IN_A_LOOP, 2)}
        empty = self.size(node.nodelist_empty, {})
        return max(MOST_ITEMS * self.size(node.nodelist_loop, inside), empty)

    def _expression(self, given: FilterExpression, loop: Mapping[str, int], line: int, *, is_shown: bool = True) -> int:
        names = [
            given.var,
            *(argument for _f, arguments in given.filters for is_name, argument in arguments if is_name),
        ]
        size = 0
        for each in names:
            name = _name(each)
            variable = self.variables.get(name)
            if name in loop:
                size += loop[name]
            elif variable is None and _is_written_out(each):
                size += len(name)
            elif variable is None:
                raise self._unknown(name, loop, line)
            elif variable.kind == Kind.LIST and is_shown and not _makes_one_of(given):
                raise TemplateRefused(_("“%s” is a list: loop over it, or join it.") % name, line=line)
            else:
                size += variable.size * (MOST_ITEMS if variable.kind == Kind.LIST else 1)
        # What stands between the items of a list that is joined, or for a value that is not there.
        written_out = [
            str(argument) for _f, arguments in given.filters for is_name, argument in arguments if not is_name
        ]
        return size + MOST_ITEMS * sum(map(len, written_out))

    def _unknown(self, name: str, loop: Mapping[str, int], line: int) -> TemplateRefused:
        return TemplateRefused(
            _("There is no variable “%(name)s” in this message. There are: %(names)s.")
            % {"name": name, "names": ", ".join(sorted({*self.variables, *loop}))},
            line=line,
        )


def _operands(condition: Any) -> Iterator[FilterExpression]:
    """The expressions that a parsed condition is made of; an `else` has none."""
    if condition is None:
        return
    if isinstance(getattr(condition, "value", None), FilterExpression):
        yield condition.value
    for side in (condition.first, condition.second):
        yield from _operands(side)


def _makes_one_of(list_given: FilterExpression) -> bool:
    """Whether the first filter makes one value of a list."""
    return bool(list_given.filters) and list_given.filters[0][0]._filter_name in ("join", "first", "last", "length")


def _name(given: Any) -> str:
    return str(given.var if isinstance(given, Name) else given)


def _is_written_out(given: Any) -> bool:
    """Whether it is a number or a text in quotes."""
    return not isinstance(given, Name) or given.lookups is None
