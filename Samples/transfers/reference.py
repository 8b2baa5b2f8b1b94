#!/usr/bin/env python3
"""Adds up transfers from standard input plainly: account,amount for each account."""
import json
import sys
from collections import defaultdict
from decimal import Decimal

balance = defaultdict(Decimal)
for line in sys.stdin:
    account, entry = line.split("|")
    balance[int(account)] += json.loads(entry, parse_float=Decimal)["amount"]
for account in sorted(balance):
    print(f"{account},{balance[account]:.2f}")
