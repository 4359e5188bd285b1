"""Each execution has context variables of its own; what modules set when they are imported stays."""

from __future__ import annotations

import contextvars
import decimal

from flytewarm_worker.context_variables import ContextVariables

_VARIABLE = contextvars.ContextVar("_VARIABLE", default="unset")


def test_values_end_with_their_execution() -> None:
    seen = []

    def execute() -> None:
        seen.append((_VARIABLE.get(), decimal.getcontext().prec))
        _VARIABLE.set("left")
        decimal.getcontext().prec = 3

    variables = ContextVariables()
    variables.run(execute)
    variables.run(execute)
    assert seen == [("unset", decimal.getcontext().prec)] * 2
    assert _VARIABLE.get() == "unset"


def test_what_modules_set_stays() -> None:
    seen = []
    variables = ContextVariables()

    def load() -> None:
        with variables.importing():
            _VARIABLE.set("imported")
            decimal.getcontext().prec = 50
        _VARIABLE.set("left")

    variables.run(load)
    variables.run(lambda: seen.append((_VARIABLE.get(), decimal.getcontext().prec)))
    assert seen == [("imported", 50)]
