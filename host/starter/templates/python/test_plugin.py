import unittest
from decimal import Decimal

from plugin import handle
from tripline_sdk.testing import Host, insert, run


class Orders(unittest.TestCase):
    def test_paid_orders_are_revenue(self) -> None:
        host = Host(grants={"counters"})
        paid = {"id": "o-1", "status": "paid", "total": Decimal("19.99")}
        self.assertEqual(run(handle, [insert({"id": "o-1"}, paid)]), [])
        self.assertEqual(host.counter("orders", {"status": "paid"}), ["1"])
        self.assertEqual(host.counter("revenue"), ["19.99"])


if __name__ == "__main__":
    unittest.main()
