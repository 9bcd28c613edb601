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
insert into audit_checkpoints (epoch, size, note) values (@epoch, @size, @note) on conflict do nothing;

-- The newest whose entries are all in this log.
-- name: LastAuditCheckpoint :one
select size, note, created_at from audit_checkpoints c
where not exists (select from audit_losses l where l.epoch > c.epoch and l.kept < c.size)
order by size desc, epoch desc limit 1;

-- name: AuditCheckpoints :many
select epoch, size, note from audit_checkpoints
where (epoch, size) > (@epoch::bigint, @size::bigint) order by epoch, size limit @page;

-- name: AddAuditLoss :exec
insert into audit_losses (epoch, kept, note) values (@epoch, @kept, @note) on conflict do nothing;

-- name: AuditLosses :many
select epoch, kept, note from audit_losses order by epoch;
