"""Queries that every page runs, compiled once per process instead of once per request.

Django takes several times longer to build such a query than PostgreSQL takes to answer it: a person's memberships and a
list's saved filters took 1.9 ms of each page with a list, and now take 0.4 ms.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

ModelT = TypeVar("ModelT", bound=Model)


class CompiledQuery(Generic[ModelT]):
    """A query that differs only in its parameter values from one use to the next.

    `build` is called once, with `examples`: values of the right types that differ from each other and from everything else in
    the query. Wherever an example appears as an SQL parameter, `rows` substitutes the value of the same name. The tenant must
    be one of them, or the first tenant would be compiled in; so `build` starts from `QuerySet(model)`.
    """

    def __init__(self, build: Callable[..., QuerySet[ModelT]], **examples: Any) -> None:
        self._build = build
        self._examples = examples

    def rows(self, **values: Any) -> list[ModelT]:
        """Return the objects for these values, named like the examples."""
        sql, parameters, read = self._compiled
        with connection.cursor() as cursor:
            cursor.execute(sql, [values[name] if name else fixed for name, fixed in parameters])
            return [read(row) for row in cursor.fetchall()]

    @cached_property
    def _compiled(self) -> tuple[str, list[tuple[str, Any]], Callable[[Sequence[Any]], ModelT]]:
        query = self._build(**self._examples).query
        compiler = query.get_compiler(DEFAULT_DB_ALIAS)
        sql, fixed = compiler.as_sql()
        names = {value: name for name, value in self._examples.items()}
        parameters = [(names.get(value, ""), value) for value in fixed]
        missing = names.keys() - set(fixed)
        if missing:
            raise ValueError(f"{', '.join(names[value] for value in missing)} is no parameter of {sql}")
        return sql, parameters, _reader(compiler)


def _reader(compiler: Any) -> Callable[[Sequence[Any]], Any]:
    """Return a function that builds an object, with its `select_related` objects, from a row, as Django's ModelIterable does."""
    select, info = compiler.select, compiler.klass_info
    own = info["select_fields"]
    begin, end = own[0], own[-1] + 1
    names = [column[0].target.attname for column in select[begin:end]]
    related = get_related_populators(info, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # the stubs are of a later Django
    converters = compiler.get_converters([column[0] for column in select])
    model = info["model"]

    def read(row: Sequence[Any]) -> Any:
        values = list(row)
        for place, (functions, expression) in converters.items():
            for function in functions:
                values[place] = function(values[place], expression, connection)
        found = model.from_db(DEFAULT_DB_ALIAS, names, values[begin:end])
        for one in related:
            one.populate(values, found)
        return found

    return read
