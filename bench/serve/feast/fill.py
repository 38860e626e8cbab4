"""Registers the features and fills the online store of the Feast repo in the current folder.

    fill.py USERS

Values are random, with the same seed each time.
"""
import sys
from datetime import datetime, timezone

import numpy as np
import pandas as pd
from feast import FeatureStore
from feast.types import Int64, String

from features import fields, user, views

CHUNK = 5_000  # users
AT = datetime(2024, 3, 1, tzinfo=timezone.utc)
random = np.random.default_rng(11)


def values(n, dtype):
    chance = random.random(n)
    if dtype == Int64:
        return (chance * 500).astype(np.int64)
    if dtype == String:
        return [f"merchant_{x:04d}" for x in (chance * 1000).astype(int)]
    return chance * 1000


users = int(sys.argv[1])
store = FeatureStore(repo_path=".")
store.apply([user, *views])
for first in range(0, users, CHUNK):
    chunk = range(first, min(first + CHUNK, users))
    for view, schema in fields.items():
        columns = {field.name: values(len(chunk), field.dtype) for field in schema}
        frame = pd.DataFrame({"user_id": [f"user_{u:06d}" for u in chunk], "ts": AT, **columns})
        store.write_to_online_store(view, frame)
