-- Flights that left New York City in 2013: delays by carrier and hour, flights beside their plane and the
-- weather, and the aircraft that came late again and again. ${data} is the folder with the CSV files.

-- The flights, straight from the file: each line is a record, and its hour of departure is its time.
CREATE STREAM IF NOT EXISTS flights (
    time_hour STRING, carrier STRING, flight INT, tailnum STRING, origin STRING, dest STRING,
    dep_delay DOUBLE, arr_delay DOUBLE, distance INT
  ) WITH (
    FILE = '${data}/flights.csv', HEADER = true, VALUE_FORMAT = 'DELIMITED',
    TIMESTAMP = 'time_hour', TIMESTAMP_FORMAT = 'yyyy-MM-dd''T''HH:mm:ssX');

CREATE STREAM IF NOT EXISTS weather_reports (
    origin STRING, time_hour STRING, temp DOUBLE, wind_speed DOUBLE, visib DOUBLE
  ) WITH (
    FILE = '${data}/weather.csv', HEADER = true, VALUE_FORMAT = 'DELIMITED',
    TIMESTAMP = 'time_hour', TIMESTAMP_FORMAT = 'yyyy-MM-dd''T''HH:mm:ssX');

-- What is known of planes and airlines: tables, loaded once. They are older than every flight.
CREATE TABLE IF NOT EXISTS planes (
    tailnum STRING PRIMARY KEY, year INT, manufacturer STRING, model STRING, seats INT
  ) WITH (KAFKA_TOPIC = 'planes', VALUE_FORMAT = 'JSON');
COPY planes FROM '${data}/planes.csv' WITH (ROWTIME = 0);

CREATE TABLE IF NOT EXISTS airlines (carrier STRING PRIMARY KEY, name STRING)
  WITH (KAFKA_TOPIC = 'airlines', VALUE_FORMAT = 'JSON');
COPY airlines FROM '${data}/airlines.csv' WITH (ROWTIME = 0);

-- The weather at a place and hour, as a table.
CREATE TABLE IF NOT EXISTS weather WITH (VALUE_FORMAT = 'JSON') AS
  SELECT origin + ' ' + time_hour AS place_hour,
         LATEST_BY_OFFSET(wind_speed) AS wind_speed, LATEST_BY_OFFSET(visib) AS visib
  FROM weather_reports
  GROUP BY origin + ' ' + time_hour;

-- Delays by carrier and hour.
CREATE TABLE IF NOT EXISTS carrier_hours WITH (VALUE_FORMAT = 'JSON') AS
  SELECT carrier, COUNT(*) AS flights, AVG(dep_delay) AS mean_delay, MAX(distance) AS longest
  FROM flights
  WINDOW TUMBLING (SIZE 1 HOUR)
  GROUP BY carrier;

-- Delays by carrier over all.
CREATE TABLE IF NOT EXISTS carriers WITH (VALUE_FORMAT = 'JSON') AS
  SELECT carrier, COUNT(*) AS flights, COUNT(dep_delay) AS departed, SUM(dep_delay) AS delay
  FROM flights
  GROUP BY carrier;

-- Each flight beside its plane.
CREATE STREAM IF NOT EXISTS flights_with_planes WITH (VALUE_FORMAT = 'JSON') AS
  SELECT f.tailnum AS tailnum, f.carrier AS carrier, f.dest AS dest, f.dep_delay AS dep_delay,
         p.manufacturer AS manufacturer, p.seats AS seats
  FROM flights f LEFT JOIN planes p ON f.tailnum = p.tailnum;

CREATE TABLE IF NOT EXISTS makers WITH (VALUE_FORMAT = 'JSON') AS
  SELECT manufacturer, COUNT(*) AS flights, SUM(seats) AS seats
  FROM flights_with_planes
  GROUP BY manufacturer;

-- Each flight in the wind it left in, and what the wind does to departures.
CREATE STREAM IF NOT EXISTS flights_in_wind WITH (VALUE_FORMAT = 'JSON') AS
  SELECT w.place_hour AS place_hour, f.dep_delay AS dep_delay,
         CAST(w.wind_speed / 10 AS INT) * 10 AS wind
  FROM flights f JOIN weather w ON f.origin + ' ' + f.time_hour = w.place_hour;

CREATE TABLE IF NOT EXISTS delays_by_wind WITH (VALUE_FORMAT = 'JSON') AS
  SELECT wind, COUNT(dep_delay) AS departed, SUM(dep_delay) AS delay
  FROM flights_in_wind
  GROUP BY wind;

-- Aircraft that came in more than an hour late, and how often.
CREATE TABLE IF NOT EXISTS late_aircraft WITH (VALUE_FORMAT = 'JSON') AS
  SELECT tailnum, COUNT(*) AS times, MAX(CAST(arr_delay AS INT)) AS worst
  FROM flights
  WHERE arr_delay > 60
  GROUP BY tailnum
  HAVING COUNT(*) > 1;

-- The answers.
SELECT carrier, flights, departed, delay FROM carriers ORDER BY carrier;
SELECT carrier, WINDOWSTART, flights, mean_delay, longest FROM carrier_hours
  WHERE flights > 12 ORDER BY WINDOWSTART, carrier LIMIT 10;
SELECT manufacturer, flights, seats FROM makers ORDER BY flights DESC, manufacturer LIMIT 8;
SELECT wind, departed, delay FROM delays_by_wind ORDER BY wind;
SELECT tailnum, times, worst FROM late_aircraft ORDER BY times DESC, tailnum LIMIT 10;
