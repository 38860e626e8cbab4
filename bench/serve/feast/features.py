"""What Feast serves here: 40 features of a user in three views, with the names and types of those of
definitions/joins/bench/serving.lua.

    features.py    # prints the features as one asks for them: JSON strings, commas between
"""
import json
from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64, String

VIEWS = {
    "spend": {
        "amount_sum": Float64, "amount_count": Int64, "amount_average": Float64, "amount_min": Float64,
        "amount_max": Float64, "amount_last": Float64, "merchant_last": String,
    },
    "visits": {
        "seconds_sum": Float64, "seconds_count": Int64, "seconds_average": Float64, "seconds_max": Float64,
        "clicks_sum": Int64, "page_last": String, "page_first": String,
    },
    "ratings": {
        "stars_sum": Float64, "stars_count": Int64, "stars_average": Float64, "stars_min": Float64,
        "stars_max": Float64, "stars_last": Float64,
    },
}

fields = {
    view: [Field(name=f"{name}_{window}", dtype=dtype) for name, dtype in names.items() for window in ("7d", "30d")]
    for view, names in VIEWS.items()
}
user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
views = [
    FeatureView(
        name=name,
        entities=[user],
        ttl=timedelta(0),  # no value is ever too old
        schema=[Field(name="user_id", dtype=String), *schema],
        source=FileSource(name=name, path=f"{name}.parquet", timestamp_field="ts"),  # never read
    )
    for name, schema in fields.items()
]

if __name__ == "__main__":
    print(",".join(json.dumps(f"{view}:{field.name}") for view, schema in fields.items() for field in schema))
