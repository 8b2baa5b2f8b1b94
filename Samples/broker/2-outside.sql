-- A submitted file reads and writes only below the directories that `serve --root` names.
CREATE STREAM users (line STRING) WITH (KAFKA_TOPIC = 'users', VALUE_FORMAT = 'DELIMITED');
COPY users FROM '/etc/passwd' WITH (FORMAT = 'CSV');
