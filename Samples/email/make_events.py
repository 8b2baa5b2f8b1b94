#!/usr/bin/env python3
"""Writes generated customers, orders and payments: make_events.py DIR [COUNT]. The same events each time.

Payments come up to a minute and a half before or after their order; some in two parts, some never.
"""
import random
import sys
from pathlib import Path

directory, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
chance = random.Random(11)
directory.mkdir(parents=True, exist_ok=True)
customers = max(3, count // 20)
with open(directory / "customers.csv", "w") as out:
    out.write("id,name,email,level\n")
    for number in range(customers):
        level = chance.choice(["platinum", "gold", "silver", "bronze"])
        out.write(f"{number},Customer {number},c{number}@example.com,{level}\n")
time, payments = 100_000, []
with open(directory / "orders.csv", "w") as out:
    out.write("rowtime,id,customerid,product,total\n")
    for number in range(count):
        # All within a day, as long as a join waits for rows that are late.
        time += chance.randint(1, max(2, min(20_000, 80_000_000 // count)))
        cents = chance.randint(100, 99_999)
        # Now and then a customer that nobody knows.
        customer = chance.randrange(customers + customers // 10 + 1)
        out.write(f"{time},{number},{customer},{chance.choice(['SOCKS', 'HATS', 'COATS'])},"
                  f"{cents / 100:.2f}\n")
        for _ in range(chance.choice([0, 1, 1, 1, 1, 2])):
            payments.append((max(0, time + chance.randint(-90_000, 90_000)), number, cents))
payments.sort()
with open(directory / "payments.csv", "w") as out:
    out.write("rowtime,id,orderid,amount\n")
    for place, (time, order, cents) in enumerate(payments):
        out.write(f"{time},p-{place},{order},{cents / 100:.2f}\n")
