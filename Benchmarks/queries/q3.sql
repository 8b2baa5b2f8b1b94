CREATE STREAM q3 AS
  SELECT p.id AS person, p.name, p.city, p.state, a.id AS auction
  FROM auction a JOIN person p WITHIN 10 DAYS ON a.seller = p.id
  WHERE a.category = 10 AND (p.state = 'OR' OR p.state = 'ID' OR p.state = 'CA');
