CREATE STREAM orders (
    order_id BIGINT, customer_id BIGINT, item STRING, quantity BIGINT, amount BIGINT, ts BIGINT
  ) WITH (${source}, VALUE_FORMAT = '${format}', TIMESTAMP = 'ts');
