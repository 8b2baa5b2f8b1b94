-- Without TIMESTAMP the customers are older than every order, so that each order finds its customer.
CREATE STREAM customer_changes (
    customer_id BIGINT, name STRING, region STRING, tier STRING, updated_at BIGINT
  ) WITH (${source}, VALUE_FORMAT = '${format}');
