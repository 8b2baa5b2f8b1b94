#!/usr/bin/env python3
"""Which payments should give a mail, computed plainly: reference.py DIR. One line each: order,payment,level."""
import csv
import sys
from pathlib import Path

directory = Path(sys.argv[1])


def rows(name):
    return csv.DictReader(open(directory / f"{name}.csv"))


customers = {row["id"]: row for row in rows("customers")}
orders = {row["id"]: row for row in rows("orders")}
found = []
for payment in rows("payments"):
    order = orders[payment["orderid"]]
    customer = customers.get(order["customerid"])
    if customer and abs(int(order["rowtime"]) - int(payment["rowtime"])) <= 60_000:
        found.append((int(payment["id"][2:]), f"{order['id']},{payment['id']},{customer['level']}"))
for _, line in sorted(found):
    print(line)
