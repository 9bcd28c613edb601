-- name: SyncBackups :exec
-- Makes the catalogue what the bucket says; entries are all of its rows, as JSON.
with gone as (
  delete from backups where id not in (select g.id from jsonb_populate_recordset(null::backups, @entries::jsonb) g)
)
insert into backups as b (id, kind, state, started_at, ended_at, bytes, objects, timeline, start_lsn, end_lsn, held,
  verified_at, proven_at, expired_at, problems, seconds)
select g.id, g.kind, g.state, g.started_at, g.ended_at, g.bytes, g.objects, g.timeline, g.start_lsn, g.end_lsn, g.held,
  g.verified_at, g.proven_at, g.expired_at, g.problems, g.seconds
from jsonb_populate_recordset(null::backups, @entries::jsonb) g
on conflict (id) do update set
  kind = excluded.kind, state = excluded.state, started_at = excluded.started_at, ended_at = excluded.ended_at,
  bytes = excluded.bytes, objects = excluded.objects, timeline = excluded.timeline, start_lsn = excluded.start_lsn,
  end_lsn = excluded.end_lsn, held = excluded.held, verified_at = excluded.verified_at, proven_at = excluded.proven_at,
  expired_at = excluded.expired_at, problems = excluded.problems, seconds = excluded.seconds
where b.* is distinct from excluded.*;

-- name: Backup :one
select * from backups where id = $1;

-- name: Backups :many
select * from backups where @first::boolean or id < @before order by id desc limit @page;
