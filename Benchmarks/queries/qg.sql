CREATE TABLE qg AS SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction;
