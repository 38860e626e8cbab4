"""Features of keys from an online store of Chronon in C, in your process.

    from chronon_client import Client

    with Client("lmdb:store") as client:
        client.fetch_join("team/training.v1", {"user_id": 5})
        # {'team_spending_v1_amount_sum_7d': 12.5, ...}
        client.fetch_join("team/training.v1", [{"user_id": 5}, {"user_id": 6}])
        client.fetch_group_by("team/spending.v1", {"user_id": 5}, detailed=True)

It is ctypes over libchronon.so (include/chronon.h): found by the `library` argument, the variable
CHRONON_LIB, or the system. A client may be used by many threads; each gets its own session.
"""

import ctypes
import ctypes.util
import json
import os
import threading
from datetime import datetime, timezone

__all__ = ["Client", "ChrononError", "RowError"]

_NOW = -1
_GROUP_BY, _JOIN = 0, 1
_CODES = ("ok", "argument", "not_found", "corrupt", "io", "conflict", "memory", "cancelled", "internal")


class ChrononError(Exception):
    """A request that failed as a whole; `code` is "not_found", "io", "argument", ..."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class RowError(ChrononError):
    """The keys of a row mean nothing. In the answer to a list it stands in the row's place."""

    def __init__(self, message):
        super().__init__("argument", message)


class _Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("message", ctypes.c_char * 2048)]


class _Options(ctypes.Structure):
    _fields_ = [
        ("store", ctypes.c_char_p),
        ("repo", ctypes.c_char_p),
        ("metadata_ttl_ms", ctypes.c_int64),
        ("batch_cache", ctypes.c_int32),
        ("warehouse", ctypes.c_char_p),
        ("log_table", ctypes.c_char_p),
        ("schema_table", ctypes.c_char_p),
        ("answer_cache", ctypes.c_int64),
    ]


def _load(library):
    path = library or os.environ.get("CHRONON_LIB") or ctypes.util.find_library("chronon")
    if not path:
        raise ChrononError("not_found", "libchronon.so is not found: set CHRONON_LIB to its path")
    lib = ctypes.CDLL(path)
    text = [ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(_Error)]
    lib.chronon_version.restype = ctypes.c_char_p
    lib.chronon_open.argtypes = [ctypes.POINTER(_Options), ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(_Error)]
    lib.chronon_close.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Error)]
    lib.chronon_reload.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_int32), ctypes.POINTER(_Error)]
    lib.chronon_session_open.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(_Error)]
    lib.chronon_session_close.argtypes = [ctypes.c_void_p]
    lib.chronon_session_close.restype = None
    lib.chronon_fetch_json.argtypes = [
        ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64,
        ctypes.c_bool] + text
    lib.chronon_describe.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p] + text
    return lib


def _bytes(text):
    return None if text is None else os.fspath(text).encode()


def _millis(at):
    """Epoch milliseconds of None (now), a number or a datetime (naive ones are UTC)."""
    if at is None:
        return _NOW
    if isinstance(at, datetime):
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        return round(at.timestamp() * 1000)
    return max(min(int(at), 2**63 - 1), -(2**63))  # the library refuses both; ctypes would wrap


def _error_free(row, detailed):
    """The features of a result: of one that failed the error, of an unknown key None."""
    if row["status"] != "Success":
        return RowError(row["error"])
    if detailed:
        return {"features": row.get("features", {}), "errors": row.get("errors", {})}
    return row.get("features")


class Client:
    """An opened store. Close it, or use it in a `with`."""

    def __init__(self, store, *, repo=None, metadata_ttl_ms=0, batch_cache=0, log_warehouse=None, log_table=None,
                 schema_table=None, answer_cache=0, library=None):
        self._lib = _load(library)
        self._local = threading.local()
        self._sessions = []
        self._lock = threading.Lock()
        self._handle = ctypes.c_void_p()
        options = _Options(_bytes(store), _bytes(repo), metadata_ttl_ms, batch_cache, _bytes(log_warehouse),
                           _bytes(log_table), _bytes(schema_table), answer_cache)
        handle, error = ctypes.c_void_p(), _Error()
        self._check(self._lib.chronon_open(options, handle, error), error)
        self._handle = handle

    @staticmethod
    def _check(code, error):
        if code:
            raise ChrononError(_CODES[code], error.message.decode())

    def _session(self):
        session = getattr(self._local, "session", None)
        if session is None:
            session, error = ctypes.c_void_p(), _Error()
            with self._lock:
                if not self._handle:
                    raise ChrononError("argument", "the client is closed")
                self._check(self._lib.chronon_session_open(self._handle, session, error), error)
                self._sessions.append(session)
            self._local.session = session
        elif not self._handle:
            raise ChrononError("argument", "the client is closed")
        return session

    def _text(self, call, *args):
        out, length, error = ctypes.c_void_p(), ctypes.c_size_t(), _Error()
        self._check(call(self._session(), *args, out, length, error), error)
        return json.loads(ctypes.string_at(out, length.value))

    def _fetch(self, of, name, keys, at, detailed):
        one = isinstance(keys, dict)
        rows = [keys] if one else list(keys)
        # Chronon leaves rows of a GroupBy with a null key out of its answer; here they keep their place.
        asked = [i for i, row in enumerate(rows) if of == _JOIN or detailed or None not in row.values()]
        body = json.dumps([rows[i] for i in asked]).encode()
        answer = self._text(self._lib.chronon_fetch_json, of, name.encode(), body, len(body), _millis(at), detailed)
        results = [None] * len(rows)
        for i, row in zip(asked, answer["results"]):
            results[i] = _error_free(row, detailed)
        if one and isinstance(results[0], RowError):
            raise results[0]
        return results[0] if one else results

    def fetch_join(self, name, keys, at=None, detailed=False):
        """The features of `team/file.v1` for a dict of keys, or for a list of such a list.

        `at` is an instant, a datetime or epoch milliseconds; None is now. What a part could not give is
        an entry `..._exception`. With `detailed` a row is {"features": {name: {"value", "status"}},
        "errors": {..}}. A key that cannot be cast raises RowError; in the answer to a list the RowError
        stands in the row's place.
        """
        return self._fetch(_JOIN, name, keys, at, detailed)

    def fetch_group_by(self, name, keys, at=None, detailed=False):
        """The same of a GroupBy; None for a key that the store does not know."""
        return self._fetch(_GROUP_BY, name, keys, at, detailed)

    def describe_join(self, name):
        """{"name", "keys": [{"name", "type"}], "features": [..], "batch_end": ms or None}"""
        return self._text(self._lib.chronon_describe, _JOIN, name.encode())

    def describe_group_by(self, name):
        return self._text(self._lib.chronon_describe, _GROUP_BY, name.encode())

    def reload(self):
        """Looks all definitions up again now; gives the number that changed."""
        changed, error = ctypes.c_int32(), _Error()
        self._check(self._lib.chronon_reload(self._handle, changed, error), error)
        return changed.value

    def close(self):
        """Ends all threads' sessions; none of them may be fetching."""
        with self._lock:
            handle, self._handle = self._handle, None
            sessions, self._sessions = self._sessions, []
        if handle:
            for session in sessions:
                self._lib.chronon_session_close(session)
            error = _Error()
            self._check(self._lib.chronon_close(handle, error), error)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self.close()
