-- Makes what is to be remembered; false: there is one of this id already.
-- name: InsertMemoryWrite :one
with made as (
  insert into memory_writes (subject_id, id, session_id, origin, content_sealed, body_hmac, replaces, vault, said_at, accepted_at, changed_at)
  values (@subject_id, @id, @session_id, 'stored', @content_sealed, @body_hmac, sqlc.narg(replaces), @vault, @said_at, @accepted_at, @accepted_at)
  on conflict do nothing
  returning id
)
select exists (select 1 from made) as made;

-- name: MemoryWrite :one
select * from memory_writes where subject_id = $1 and id = $2;

-- Newest first. The bound is exclusive.
-- name: MemoryWrites :many
select * from memory_writes
where subject_id = @subject_id and not vault
  and (sqlc.narg(state)::text is null or state = sqlc.narg(state))
  and (accepted_at, id) < (@before_time::timestamptz, @before_id::uuid)
order by accepted_at desc, id desc
limit @page;

-- The graph holds it: its content has done its duty. What is searchable already stays so.
-- name: MemoryStored :exec
update memory_writes set state = 'stored', failure = null, content_sealed = null, changed_at = @at
where subject_id = @subject_id and id = @id and state in ('queued', 'failed');

-- name: MemoryFailed :exec
update memory_writes set state = 'failed', failure = @failure::text, changed_at = @at
where subject_id = @subject_id and id = @id and state = 'queued';

-- To be tried again; the words of an interaction are in its own row.
-- name: RequeueMemoryWrite :one
update memory_writes w set state = 'queued', failure = null, changed_at = @at
where w.subject_id = @subject_id and w.id = @id and w.state in ('queued', 'failed')
returning sqlc.embed(w),
  (select i.words_sealed from interactions i where i.subject_id = @subject_id and i.id = @id and w.origin = 'told') as words_sealed,
  coalesce((select i.workflow_id from interactions i where i.subject_id = @subject_id and i.id = @id and w.origin = 'told'), '')::text as workflow_id;

-- False: there is an import of this id already.
-- name: InsertMemoryImport :one
with made as (
  insert into memory_imports (subject_id, id, body_hmac, total, accepted_at)
  values (@subject_id, @id, @body_hmac, @total, @accepted_at)
  on conflict do nothing
  returning id
)
select exists (select 1 from made) as made;

-- name: InsertImportedWrites :exec
insert into memory_writes (subject_id, id, session_id, origin, import_id, position, content_sealed, said_at, accepted_at, changed_at)
select @subject_id, unnest(@ids::uuid[]), unnest(@sessions::uuid[]), 'imported', @import_id, unnest(@positions::int[]),
  unnest(@contents::bytea[]), unnest(@said_ats::timestamptz[]), @accepted_at, @accepted_at;

-- name: MemoryImport :one
select i.*,
  count(*) filter (where w.state = 'queued')::int as queued,
  count(*) filter (where w.state = 'stored')::int as stored,
  count(*) filter (where w.state = 'searchable')::int as searchable,
  count(*) filter (where w.state = 'failed')::int as failed,
  count(*) filter (where w.state = 'forgotten')::int as forgotten
from memory_imports i
join memory_writes w on w.subject_id = @subject_id and w.import_id = i.id
where i.subject_id = @subject_id and i.id = @id
group by i.subject_id, i.id, i.body_hmac, i.total, i.accepted_at;

-- The next lines of an import that are not in the graph, in their order.
-- name: QueuedOfImport :many
select * from memory_writes
where subject_id = @subject_id and import_id = @import_id and state = 'queued'
order by position
limit @page;

-- name: IsForgotten :one
select exists (select 1 from memory_writes where subject_id = $1 and id = $2 and state = 'forgotten');

-- The ids of a person's writes, in pages, in their order.
-- name: WritesOfSubject :many
select id from memory_writes
where subject_id = @subject_id and id > @after order by id limit @page;

-- What has not been remembered is given up, with its words.
-- name: DropMemoryWrite :execrows
update memory_writes set state = 'forgotten', failure = null, content_sealed = null, changed_at = @at
where subject_id = @subject_id and id = @id and state in ('queued', 'failed') and not vault;

-- name: CountQueuedLines :one
select count(*) from memory_writes where subject_id = @subject_id and state = 'queued' and import_id is not null;
