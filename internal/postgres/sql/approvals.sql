-- name: CreateApproval :execrows
insert into approvals (id, act, parameters, requester, reason_sealed, required, expires_at)
values (@id, @act, @parameters, @requester, @reason_sealed, @required, now() + make_interval(secs => @lifetime_seconds))
on conflict do nothing;

-- name: Approval :one
select id, act, parameters, requester, reason_sealed, required, state, created_at, expires_at, decided_at, used_by, used_at,
       now()::timestamptz as read_at
from approvals where id = $1;

-- name: LockApproval :one
select id, act, parameters, requester, required, state, created_at, expires_at, used_by,
       now()::timestamptz as read_at
from approvals where id = $1 for update;

-- name: Approvals :many
select id, act, parameters, requester, reason_sealed, required, state, created_at, expires_at, decided_at, used_by, used_at,
       now()::timestamptz as read_at
from approvals
where @first::boolean or (created_at, id) < (select b.created_at, b.id from approvals b where b.id = @before)
order by created_at desc, id desc limit @page;

-- name: ApprovalDecisions :many
select approver, approves, decided_at from approval_decisions where approval_id = $1 order by decided_at, approver;

-- name: CreateApprovalDecision :execrows
insert into approval_decisions (approval_id, approver, requester, approves)
values (@approval_id, @approver, @requester, @approves) on conflict do nothing;

-- name: ConcludeApproval :execrows
update approvals set state = @state, decided_at = @decided_at::timestamptz where id = @id and state = 'pending';

-- name: UseApproval :execrows
update approvals set used_by = @used_by, used_at = now() where id = @id and state = 'approved' and used_by is null;

-- name: GrantRole :execrows
insert into role_grants (id, principal_id, role, granted_at, expires_at)
values (@id, @principal_id, @role, @granted_at, @expires_at) on conflict do nothing;

-- An approval that the ledger knows and a restored database does not.
-- name: RestoreApproval :exec
insert into approvals (id, act, parameters, requester, reason_sealed, required, created_at, expires_at)
values (@id, @act, @parameters, @requester, '', @required, @created_at, @expires_at) on conflict do nothing;

-- What lets a requester decode a person's payloads now: for the minutes that were
-- approved, from the last decision on.
-- name: DecryptionApproval :one
select id from approvals
where act = 'decrypt' and state = 'approved' and requester = @requester and parameters ->> 'subject' = @subject::text
  and now() < least(expires_at, decided_at + make_interval(mins => (parameters ->> 'minutes')::integer))
order by decided_at desc limit 1;
