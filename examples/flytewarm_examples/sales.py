"""A pandas data frame in and out, as structured datasets."""

import pandas as pd
from flytekit import task
from flytekit.types.structured import StructuredDataset


@task
def totals(orders: StructuredDataset) -> StructuredDataset:
    """Adds up the orders of every region: how many, how many units, and for how much."""
    frame = orders.open(pd.DataFrame).all()
    frame["revenue"] = frame["units"] * frame["unit_price"]
    summary = frame.groupby("region", as_index=False).agg(
        orders=("units", "size"), units=("units", "sum"), revenue=("revenue", "sum")
    )
    return StructuredDataset(dataframe=summary.sort_values("region", ignore_index=True))
