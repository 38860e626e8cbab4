"""Run by spec/functional/serve/api_spec.lua, which fills the store: python3 test_client.py STORE STOP_MS"""

import sys
import threading
import unittest
from datetime import datetime, timezone

from chronon_client import ChrononError, Client, RowError

STORE, STOP = sys.argv[1], int(sys.argv[2])
ONE = {"v_sum_7d": 8, "v_average": 4.0, "v_last2": [5, 3]}


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client(STORE, answer_cache=1 << 20)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def test_one_row_and_many(self):
        self.assertEqual(ONE, self.client.fetch_group_by("team/gs.v1", {"uid": 1}))
        self.assertEqual(ONE, self.client.fetch_group_by("team.gs.v1", {"uid": "1"}))  # kept
        with Client(STORE) as client:
            self.assertEqual(ONE, client.fetch_group_by("team/gs.v1", {"uid": 1}))
        self.assertIsNone(self.client.fetch_group_by("team/gs.v1", {"uid": 9}))
        rows = self.client.fetch_group_by("team/gs.v1", [{"uid": None}, {"uid": 1}, {"uid": "x"}, {"uid": 9}])
        self.assertEqual([None, ONE, None], [rows[0], rows[1], rows[3]])
        self.assertIsInstance(rows[2], RowError)
        self.assertEqual('For input string: "x"', str(rows[2]))
        self.assertEqual([], self.client.fetch_group_by("team/gs.v1", []))

    def test_join(self):
        row = self.client.fetch_join("team/j1.v1", {"uid": 1})
        self.assertEqual(8, row["team_gs_v1_v_sum_7d"])
        self.assertEqual({}, self.client.fetch_join("team/j1.v1", {"uid": 9}))
        row = self.client.fetch_join("team/j2.v1", {"uid": 1})
        self.assertIn("TEAM_GMISSING_V1_BATCH", row["team_gmissing_v1_exception"])
        row = self.client.fetch_join("team/j1.v1", {"uid": 9}, detailed=True)
        self.assertEqual({"value": None, "status": "missing_key"}, row["features"]["team_gs_v1_v_sum_7d"])

    def test_instants(self):
        for at, want in ((STOP, 1), (STOP + 1000, 1), (STOP + 1001, 11)):
            self.assertEqual(want, self.client.fetch_group_by("team/at.v1", {"uid": 1}, at=at)["v_sum"])
        at = datetime.fromtimestamp(STOP / 1000, timezone.utc)
        self.assertEqual(1, self.client.fetch_group_by("team/at.v1", {"uid": 1}, at=at)["v_sum"])
        self.assertEqual(1, self.client.fetch_group_by("team/at.v1", {"uid": 1}, at=at.replace(tzinfo=None))["v_sum"])

    def test_errors(self):
        for call, code, text in (
            (lambda: self.client.fetch_join("team/no.v1", {"uid": 1}), "not_found", "joins/team/no.v1"),
            (lambda: self.client.fetch_group_by("team/gs.v1", {"uid": "x"}), "argument", "For input string"),
            (lambda: Client("lmdb:/nowhere/at/all"), "not_found", "/nowhere/at/all"),
            (lambda: Client("what"), "argument", "what"),
            (lambda: self.client.fetch_group_by("team/gs.v1", {"uid": 1}, at=2**70), "argument", "no instant"),
        ):
            with self.assertRaises(ChrononError) as caught:
                call()
            self.assertEqual(code, caught.exception.code)
            self.assertIn(text, str(caught.exception))

    def test_describe(self):
        got = self.client.describe_group_by("team/gs.v1")
        self.assertEqual([{"name": "uid", "type": "bigint"}], got["keys"])
        self.assertEqual(list(ONE), [f["name"] for f in got["features"]])
        self.assertEqual(STOP, got["batch_end"])

    def test_threads(self):
        wrong = []

        def fetch():
            for _ in range(100):
                if self.client.fetch_group_by("team/gs.v1", {"uid": 1}) != ONE:
                    wrong.append(1)

        threads = [threading.Thread(target=fetch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], wrong)

    def test_closed(self):
        with Client("memory:python") as client:
            pass
        with self.assertRaises(ChrononError):
            client.fetch_group_by("team/gs.v1", {"uid": 1})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
