#!/usr/bin/env python3
"""Writes generated transfers, two lines each: make_transfers.py [COUNT] [ACCOUNTS]. The same transfers each time."""
import random
import sys

count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
accounts = int(sys.argv[2]) if len(sys.argv) > 2 else 10
chance = random.Random(5)
for number in range(count):
    giver, taker = chance.sample(range(accounts), 2)
    cents = chance.randint(1, 100_000)
    for account, sign in ((giver, "-"), (taker, "")):
        print(f'{account}|{{"transfer":{number},"amount":{sign}{cents // 100}.{cents % 100:02}}}')
