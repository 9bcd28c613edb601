-- Rate limits: how much of its limit each caller has used.

-- +goose Up

-- Unlogged: a row is worth at most a minute, so a crash may empty the table and a
-- standby need not have it. The key is an HMAC of who is limited and by which
-- limit (package ratelimit). tat is the theoretical arrival time of the generic
-- cell rate algorithm: when everything that was taken will have been given back.
-- allowed is the last decision; it is a column because RETURNING shows the new
-- row only. Room is left in each page so that updates stay in it.
create unlogged table rate_limits (
  key     bytea primary key check (octet_length(key) = 16),
  tat     timestamptz not null,
  allowed boolean not null
) with (fillfactor = 70);
grant select, insert, update, delete on rate_limits to meai_app;
grant select on rate_limits to meai_reader;
