#!/usr/bin/env python3
"""What should become of each order, computed plainly: reference.py DIR. One line an order: id,state,failures.

reference.py DIR totals: id,total, what its customer had spent without an hour's pause."""
import csv
import sys
from decimal import Decimal
from pathlib import Path

HOUR = 3_600_000
directory = Path(sys.argv[1])
stock = {row["product"]: int(row["stock"]) for row in csv.DictReader(open(directory / "inventory.csv"))}
reserved, last, total = {}, {}, {}
for row in csv.DictReader(open(directory / "orders.csv")):
    time, customer, product = int(row["rowtime"]), row["customerid"], row["product"]
    quantity, price = int(row["quantity"]), Decimal(row["price"])
    failures = 0
    if quantity <= 0 or price <= 0 or not product:
        failures += 1
    if customer not in last or time - last[customer] > HOUR:
        total[customer] = Decimal(0)
    last[customer] = time
    total[customer] += quantity * price
    if total[customer] >= 2000:
        failures += 1
    if product:
        if reserved.get(product, 0) + quantity <= stock.get(product, 0):
            reserved[product] = reserved.get(product, 0) + quantity
        else:
            failures += 1
    if len(sys.argv) > 2:
        print(f"{row['id']},{total[customer]:.2f}")
    else:
        print(f"{row['id']},{'FAILED' if failures else 'VALIDATED'},{failures}")
