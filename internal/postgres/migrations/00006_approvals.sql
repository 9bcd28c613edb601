-- Approvals: acts that need the consent of others than who asks for them. A
-- request's reason is sealed under the system's key; parameters are opaque ids,
-- codes and numbers.

-- +goose Up

create table approvals (
  id            uuid primary key,
  act           text not null,
  parameters    jsonb not null,
  requester     uuid not null,
  reason_sealed bytea not null,
  required      smallint not null check (required between 1 and 3),
  state         text not null default 'pending' check (state in ('pending', 'approved', 'refused', 'expired')),
  created_at    timestamptz not null default now(),
  expires_at    timestamptz not null check (expires_at > created_at and expires_at <= created_at + interval '7 days'),
  decided_at    timestamptz,
  -- What the approval was used for, once: the id of a workflow.
  used_by       text,
  used_at       timestamptz,
  check ((state = 'pending') = (decided_at is null)),
  check ((used_by is null) = (used_at is null)),
  check (used_by is null or state = 'approved')
);
create index approvals_by_time on approvals (created_at, id);
grant select on approvals to meai_app;
-- An approval begins undecided.
grant insert (id, act, parameters, requester, reason_sealed, required, created_at, expires_at) on approvals to meai_app;
grant update (state, decided_at, used_by, used_at) on approvals to meai_app;
grant select (id, act, parameters, requester, required, state, created_at, expires_at, decided_at, used_by, used_at) on approvals to meai_reader;

-- Who decided. Nobody decides twice, and nobody on what they asked for themselves.
create table approval_decisions (
  approval_id uuid not null references approvals (id),
  approver    uuid not null,
  requester   uuid not null,
  approves    boolean not null,
  decided_at  timestamptz not null default now(),
  primary key (approval_id, approver),
  check (approver <> requester)
);
create trigger append_only before update or delete or truncate on approval_decisions
  for each statement execute function meai_append_only();
grant select, insert on approval_decisions to meai_app;
grant select on approval_decisions to meai_reader;

-- +goose StatementBegin
-- A decided approval stays as it was decided, and is used once. The state is what
-- the decisions say: an update that forgets to count them fails.
create function meai_approval_changes() returns trigger language plpgsql as $$
begin
  if old.state <> 'pending' and (new.state <> old.state or new.decided_at is distinct from old.decided_at) then
    raise exception 'approval % is decided', old.id using errcode = 'check_violation';
  end if;
  if old.used_by is not null and new.used_by is distinct from old.used_by then
    raise exception 'approval % is used', old.id using errcode = 'check_violation';
  end if;
  if new.state = 'approved' and old.state = 'pending' and new.required >
     (select count(*) from approval_decisions d where d.approval_id = new.id and d.requester = new.requester and d.approves) then
    raise exception 'approval % lacks decisions', old.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger approval_changes before update on approvals
  for each row execute function meai_approval_changes();
