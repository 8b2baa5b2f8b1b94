#!/usr/bin/env python3
"""Writes generated moves of stock: make_moves.py [COUNT]. The same moves each time."""
import random
import sys

chance = random.Random(7)
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 100):
    kind = chance.choice(("IN", "IN", "OUT"))
    print(f'p{chance.randrange(200)}|{{"kind":"{kind}","pieces":{chance.randint(1, 9)}}}')
