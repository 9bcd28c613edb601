-- name: AppendAuditEntry :one
select meai_audit_append(@entry);

-- Everybody who appends waits from here on, as in meai_audit_append.
-- name: LockAuditLog :exec
select pg_advisory_xact_lock(hashtextextended('meai_audit_log', 0));

-- Whether the very same entry is there, whatever its index and time.
-- name: KnowsAuditEntry :one
select exists(select 1 from audit_log
where substring(leaf from 18 for 32) = @object::bytea and substring(leaf from 17) = @entry::bytea
  and substring(leaf from 18 for 32) <> '\x0000000000000000000000000000000000000000000000000000000000000000');

-- name: AuditSize :one
select coalesce(max(leaf_index) + 1, 0)::bigint from audit_log;

-- name: AuditEntries :many
select leaf_index, leaf, hashes from audit_log where leaf_index >= @first order by leaf_index limit @page;

-- name: AuditEntry :one
select leaf from audit_log where leaf_index = @leaf_index;

-- The condition on zeros lets the index be used.
-- name: AuditEntriesOfObject :many
select leaf_index, leaf, hashes from audit_log
where substring(leaf from 18 for 32) = @object::bytea and leaf_index >= @first
  and substring(leaf from 18 for 32) <> '\x0000000000000000000000000000000000000000000000000000000000000000'
order by leaf_index limit @page;

-- name: AuditHashes :many
select leaf_index, hashes from audit_log where leaf_index = any(@leaves::bigint[]);

-- name: AddAuditCheckpoint :exec
insert into audit_checkpoints (size, note) values (@size, @note) on conflict do nothing;

-- name: AuditCheckpoint :one
select note from audit_checkpoints where size = @size;

-- name: LastAuditCheckpoint :one
select size, note, created_at from audit_checkpoints order by size desc limit 1;

-- name: AuditCheckpoints :many
select size, note from audit_checkpoints where size > @after order by size limit @page;
