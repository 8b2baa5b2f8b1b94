#!/usr/bin/env python3
"""Writes generated orders and an inventory: make_orders.py DIR [COUNT]. The same orders each time.

One order a few seconds after the other; some have no product, no quantity or no price; stocks run out; and a few
customers buy on and on.
"""
import random
import sys
from pathlib import Path

PRODUCTS = ["UNDERPANTS", "JUMPERS", "SOCKS", "HATS", "GLOVES", "SCARVES", "BOOTS", "COATS"]


def orders(count, seed=7):
    chance = random.Random(seed)
    time, customers = 0, max(3, count // 8)
    for number in range(1, count + 1):
        time += chance.randint(1, 2 * 24 * 3_600_000 // count)
        customer = chance.randrange(customers // 10 + 1) if chance.random() < 0.2 else chance.randrange(customers)
        product = "" if chance.random() < 0.02 else chance.choice(PRODUCTS)
        quantity = 0 if chance.random() < 0.03 else chance.randint(1, 9)
        price = "0.00" if chance.random() < 0.02 else f"{chance.randint(100, 9900) / 100:.2f}"
        yield time, number, customer, "CREATED", product, quantity, price


if __name__ == "__main__":
    directory, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "inventory.csv", "w") as out:
        out.write("product,stock\n")
        for place, product in enumerate(PRODUCTS):
            out.write(f"{product},{count * (4 + place) // 16}\n")
    with open(directory / "orders.csv", "w") as out:
        out.write("rowtime,id,customerid,state,product,quantity,price\n")
        for order in orders(count):
            out.write(",".join(map(str, order)) + "\n")
