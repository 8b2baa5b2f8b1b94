-- One client: the account is new, and so is the seat.
INSERT INTO accounts VALUES ('ann', 100) IF NOT EXISTS;
INSERT INTO seats VALUES ('12A', 'ann') IF NOT EXISTS;
-- The answer has seen both inserts, or there is none.
SELECT holder, budget, version FROM accounts_now WAIT FOR WRITES TIMEOUT 10 SECONDS;
