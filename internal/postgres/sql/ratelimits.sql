-- name: TakeRateLimit :one
-- One request of a key: it fits if it is no further ahead of now than the burst.
-- now() is the statement's start, the database's own clock for all processes.
insert into rate_limits as l (key, tat, allowed)
values (@key, now() + @emission::interval, true)
on conflict (key) do update set
  allowed = greatest(l.tat, now()) + @emission::interval <= now() + @burst::interval,
  tat = case
    when greatest(l.tat, now()) + @emission::interval <= now() + @burst::interval
    then greatest(l.tat, now()) + @emission::interval
    else l.tat end
returning allowed, (tat - now())::interval as ahead;

-- name: SweepRateLimits :execrows
-- A row whose time has passed says the same as none. Rows in use are left alone.
delete from rate_limits where key in (
  select key from rate_limits where tat < now() limit 10000 for update skip locked);
