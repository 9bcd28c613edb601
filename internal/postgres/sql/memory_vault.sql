-- name: OpenVault :exec
insert into memory_vault_openings (subject_id, id, session_id, opened_at, expires_at)
values (@subject_id, @id, @session_id, @opened_at, @expires_at);

-- name: CloseVault :execrows
update memory_vault_openings set closed_at = coalesce(closed_at, @at)
where subject_id = @subject_id and id = @id;

-- name: VaultIsOpen :one
select exists (select 1 from memory_vault_openings
  where subject_id = @subject_id and session_id = @session_id and closed_at is null and opened_at <= @at::timestamptz and expires_at > @at::timestamptz);

-- name: RecordVaultAccess :exec
insert into memory_vault_accesses (subject_id, id, at, act, node_id, session_id)
values (@subject_id, @id, @at, @act, sqlc.narg(node_id), sqlc.narg(session_id));

-- Newest first. The bound is exclusive.
-- name: VaultAccesses :many
select * from memory_vault_accesses
where subject_id = @subject_id and (at, id) < (@before_time::timestamptz, @before_id::uuid)
order by at desc, id desc
limit @page;

-- name: VaultAccess :one
select * from memory_vault_accesses where subject_id = $1 and id = $2;

-- What is in the vault, newest first, without words.
-- name: VaultItems :many
select id, said_at, recorded_at from memory_nodes
where subject_id = @subject_id and kind = 'vault' and retracted_at is null
order by said_at desc, id desc
limit @at_most;

-- name: VaultNodes :many
select * from memory_nodes
where subject_id = @subject_id and kind = 'vault' and retracted_at is null
order by said_at desc, id desc
limit @at_most;

-- name: DeleteVaultItem :one
with gone as (
  delete from memory_nodes n where n.subject_id = @subject_id and n.id = @id and n.kind = 'vault'
  returning n.interaction_id
)
update memory_writes w set state = 'forgotten', failure = null, content_sealed = null, changed_at = @at
from gone g where w.subject_id = @subject_id and w.id = g.interaction_id
returning w.id;
