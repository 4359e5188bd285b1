"""A dataclass in and a dataclass out."""

from dataclasses import dataclass

from flytekit import task

CENTS_PER_KG = 250
EXPRESS_LIMIT_KG = 5.0


@dataclass
class Parcel:
    """What is to be sent."""

    destination: str
    weights_kg: list[float]
    fragile: bool = False


@dataclass
class Quote:
    """What sending it costs."""

    destination: str
    price_cents: int
    express: bool


@task
def quote(parcel: Parcel) -> Quote:
    """Prices a parcel by its weight; a fragile one costs half as much again and never goes by express."""
    weight = sum(parcel.weights_kg)
    price = weight * CENTS_PER_KG * (1.5 if parcel.fragile else 1.0)
    return Quote(
        destination=parcel.destination,
        price_cents=round(price),
        express=weight <= EXPRESS_LIMIT_KG and not parcel.fragile,
    )
