-- name: LastApplied :one
select coalesce(max(number), 0)::bigint from ledger_applied;

-- Claims an entry for this transaction. Nothing is inserted when another has
-- applied it, after waiting for that one to end.
-- name: ClaimLedgerEntry :execrows
insert into ledger_applied (number, entry_hash) values (@number, @entry_hash) on conflict do nothing;

-- name: AppliedHash :one
select entry_hash from ledger_applied where number = @number;

-- name: Revoke :exec
insert into revocations (id, kind, revoked_at) values (@id, @kind, @revoked_at) on conflict do nothing;

-- name: IsRevoked :one
select exists (select from revocations where kind = @kind and id = @id);
