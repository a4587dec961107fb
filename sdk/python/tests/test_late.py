"""What Python imports when it is wanted."""

import importlib
import struct
import sys
import tempfile
import unittest
import zoneinfo
from pathlib import Path
from unittest import mock

from tripline_sdk import _late


class Late(unittest.TestCase):
    def test_strptime_and_pools(self) -> None:
        importlib.import_module("concurrent.futures")
        late = ("_strptime", "concurrent.futures.thread")
        with mock.patch.dict(sys.modules):
            for name in late:
                sys.modules.pop(name, None)
            _late.load()
            self.assertEqual([name for name in late if name not in sys.modules], [])

    def test_zones_outlive_their_files(self) -> None:
        self.addCleanup(zoneinfo.reset_tzpath)
        # One type of time, without any transition: RFC 8536.
        zone = struct.pack(">4s16x6llbb4s", b"TZif", 0, 0, 0, 0, 1, 4, 3600, 0, 0, b"CET\0")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "Nowhere").mkdir()
            Path(folder, "Nowhere/Near").write_bytes(zone)
            zoneinfo.reset_tzpath([folder])
            _late.load()
        self.assertEqual(zoneinfo.ZoneInfo("Nowhere/Near").key, "Nowhere/Near")
        with self.assertRaises(zoneinfo.ZoneInfoNotFoundError):
            zoneinfo.ZoneInfo("Nowhere/Else")


if __name__ == "__main__":
    unittest.main()
