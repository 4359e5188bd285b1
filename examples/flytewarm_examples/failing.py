"""A task that fails, with an exception of its own that says why."""

from flytekit import task


class InsufficientFundsError(Exception):
    """The account holds less than what is to be paid."""


@task
def pay(balance_cents: int, amount_cents: int) -> int:
    """Takes an amount from a balance."""
    if amount_cents > balance_cents:
        raise InsufficientFundsError(f"cannot pay {amount_cents} cents from an account that holds {balance_cents}")
    return balance_cents - amount_cents
