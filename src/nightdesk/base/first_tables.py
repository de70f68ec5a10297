"""Migrations of an empty database, without drawing up most models anew for each table, index and constraint.

Django keeps a class for every model at every step; a model that is added makes it draw up all that are related to it, at length
all of them, for each step of each migration: four fifths of the time that a first start takes (docs/decisions/0059). What is
added to an empty database is new: nothing that is there changes by it, so only the new model is drawn up, or the one that gets
an index or a constraint. The tables are the same, which tests/test_first_tables.py holds against Django's own way.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, cast

from django.core.management.commands import migrate
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import BaseConstraint, Index


class FirstState(ProjectState):
    """The models so far, where every table is new."""

    _alone = False

    def reload_model(self, app_label: str, model_name: str, delay: bool = False) -> None:
        if not self._alone:
            super().reload_model(app_label, model_name, delay)
        elif "apps" in self.__dict__:
            self._reload({(app_label, model_name)})  # type: ignore[attr-defined] # the stubs leave it out

    def add_model(self, model_state: ModelState) -> None:
        with self._only_this():
            super().add_model(model_state)

    def add_index(self, app_label: str, model_name: str, index: Index) -> None:
        with self._only_this():
            super().add_index(app_label, model_name, index)

    def add_constraint(self, app_label: str, model_name: str, constraint: BaseConstraint) -> None:
        with self._only_this():
            super().add_constraint(app_label, model_name, constraint)

    @contextlib.contextmanager
    def _only_this(self) -> Iterator[None]:
        self._alone = True
        try:
            yield
        finally:
            self._alone = False

    def clone(self) -> ProjectState:
        state = super().clone()
        state.__class__ = FirstState
        return state


class FirstExecutor(MigrationExecutor):
    """Django's own, until a migration is on record."""

    def _create_project_state(self, with_applied_migrations: bool = False) -> ProjectState:
        state: ProjectState = super()._create_project_state(with_applied_migrations)  # type: ignore[misc]
        if not self.loader.applied_migrations:
            state.__class__ = FirstState
        return state


@contextlib.contextmanager
def quick_first_tables() -> Iterator[None]:
    """Django's `migrate` makes an empty database's tables by this executor meanwhile; it takes none as an argument."""
    djangos = cast("Any", migrate)
    djangos.MigrationExecutor = FirstExecutor
    try:
        yield
    finally:
        djangos.MigrationExecutor = MigrationExecutor
