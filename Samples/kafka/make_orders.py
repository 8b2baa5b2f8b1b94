#!/usr/bin/env python3
"""Writes inventory and orders as statements, a line each, and what every table should be in the end:
make_orders.py DIR COUNT.

Two processes work side by side, so orders of different partitions are checked in any order, and what becomes of an
order must not depend on it: of a product there is enough for all orders or nothing at all, and a customer spends too
much with every order or never.
"""
import collections
import sys
from pathlib import Path

STOCK = {"COATS": 0, "HATS": 10_000, "JUMPERS": 10_000, "SOCKS": 10_000}


def orders(count):
    products = list(STOCK)
    for number in range(1, count + 1):
        customer = number % 17
        price = 2500 if customer == 3 else 5 + number % 30
        yield number, customer, products[number * 7 % 4], 0 if number % 19 == 0 else 1, price


if __name__ == "__main__":
    directory, count = Path(sys.argv[1]), int(sys.argv[2])
    reserved, spent, outcomes = collections.Counter(), collections.Counter(), []
    with open(directory / "orders.sql", "w") as out:
        for number, customer, product, quantity, price in orders(count):
            out.write(
                "INSERT INTO orders (ROWTIME, id, customerid, state, product, quantity, price) VALUES "
                f"({number * 1000}, {number}, {customer}, 'CREATED', '{product}', {quantity}, {price}.00);\n")
            is_there = STOCK[product] >= quantity
            failures = (quantity == 0) + (quantity * price >= 2000) + (not is_there)
            outcomes.append(f"{number},{'FAILED' if failures else 'VALIDATED'},{failures}")
            reserved[product] += quantity if is_there else 0
            spent[customer] += quantity * price
    with open(directory / "inventory.sql", "w") as out:
        for product, stock in STOCK.items():
            out.write(f"INSERT INTO inventory (ROWTIME, product, stock) VALUES (1, '{product}', {stock});\n")
    for name, lines in [
        ("outcomes", outcomes),
        ("reserved", (f"{product},{pieces}" for product, pieces in sorted(reserved.items()))),
        ("spent", (f"{customer},{total}.00" for customer, total in sorted(spent.items()))),
    ]:
        (directory / f"expected-{name}").write_text("".join(line + "\n" for line in lines))
