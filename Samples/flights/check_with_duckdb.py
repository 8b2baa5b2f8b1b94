#!/usr/bin/env python3
"""Answers the sample's questions with DuckDB (PyPI) over the same files, as CSV on standard output.

usage: check_with_duckdb.py [DATA]
"""
import sys
from pathlib import Path

import duckdb

data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data"
db = duckdb.connect()
for name in ("flights", "weather", "planes", "airlines"):
    db.sql(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{data}/{name}.csv', header = true, nullstr = '')")

queries = [
    """SELECT carrier, count(*), count(dep_delay), CAST(coalesce(sum(dep_delay), 0) AS DOUBLE)
       FROM flights GROUP BY carrier ORDER BY carrier""",
    """SELECT carrier, epoch_ms(date_trunc('hour', CAST(time_hour AS TIMESTAMP))) AS w, count(*) AS n,
              avg(dep_delay), max(distance)
       FROM flights GROUP BY carrier, w HAVING n > 12 ORDER BY w, carrier LIMIT 10""",
    """SELECT manufacturer, count(*) AS n, sum(seats) FROM flights f JOIN planes p USING (tailnum)
       GROUP BY manufacturer ORDER BY n DESC, manufacturer LIMIT 8""",
    """SELECT CAST(trunc(wind_speed / 10) AS INT) * 10 AS wind, count(dep_delay),
              CAST(coalesce(sum(dep_delay), 0) AS DOUBLE)
       FROM flights f JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour
       WHERE wind_speed IS NOT NULL GROUP BY wind ORDER BY wind""",
    """SELECT tailnum, count(*) AS n, CAST(max(arr_delay) AS INT) FROM flights WHERE arr_delay > 60
       AND tailnum IS NOT NULL GROUP BY tailnum HAVING n > 1 ORDER BY n DESC, tailnum LIMIT 10""",
]
for query in queries:
    for row in db.sql(query).fetchall():
        print(",".join("" if cell is None else str(cell) for cell in row))
    print()
