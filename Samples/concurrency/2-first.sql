-- One client: the account is new, and so is the seat.
INSERT INTO accounts VALUES ('ann', 100) IF NOT EXISTS;
INSERT INTO seats VALUES ('12A', 'ann') IF NOT EXISTS;
SELECT holder, budget, version FROM accounts_now;
