"""Timestamp, the message: conversions, and the values that the entrypoint puts into it."""

import datetime
import time

from flytekit import task
from flytekit.bin.entrypoint import Timestamp, get_container_error_timestamp
from flytekit.exceptions.user import FlyteRecoverableException

from conformance import Case
from seen import raised, told

_ZONE = datetime.timezone(datetime.timedelta(hours=2))


def _made(method: str, value: object) -> Timestamp:
    made = Timestamp()
    getattr(made, method)(value)
    return made


@task
def from_others() -> str:
    given = {
        "FromDatetime": datetime.datetime(2024, 2, 29, 14, 30, 15, 250_000, tzinfo=_ZONE),
        "FromJsonString": "2024-02-29T12:30:15.250Z",
        "FromMicroseconds": 1_709_209_815_250_001,
        "FromMilliseconds": 1_709_209_815_250,
        "FromNanoseconds": 1_709_209_815_250_000_001,
        "FromSeconds": -1,
    }
    made = {method: _made(method, value) for method, value in given.items()}
    return told(
        made={method: [one.seconds, one.nanos] for method, one in made.items()},
        refused=raised(lambda: _made("FromJsonString", "yesterday")).split(":")[0],
        naive=_made("FromDatetime", datetime.datetime(2024, 1, 1)).seconds,
    )


@task
def to_others() -> str:
    made = Timestamp(seconds=1_709_209_815, nanos=250_000_001)
    methods = ("ToJsonString", "ToMicroseconds", "ToMilliseconds", "ToNanoseconds", "ToSeconds", "ToDatetime")
    zoned = made.ToDatetime(tzinfo=_ZONE)
    return told(seen={method: getattr(made, method)() for method in methods}, zoned=zoned.isoformat())


@task
def now() -> str:
    made = Timestamp()
    made.GetCurrentTime()
    of_errors = [get_container_error_timestamp(), get_container_error_timestamp(FlyteRecoverableException("x"))]
    ages = [time.time() - one.ToNanoseconds() / 1e9 for one in (made, *of_errors)]
    return told(type=type(made).DESCRIPTOR.full_name, recent=[-1 < age < 60 for age in ages])


_FROM = ("Datetime", "JsonString", "Microseconds", "Milliseconds", "Nanoseconds", "Seconds")

CASES = [
    Case("from_others", proves=tuple(f"Timestamp.From{name}" for name in _FROM)),
    Case("to_others", proves=tuple(f"Timestamp.To{name}" for name in _FROM)),
    Case("now", proves=("Timestamp", "Timestamp.GetCurrentTime")),
]
