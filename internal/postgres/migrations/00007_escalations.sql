-- Escalations as people on call see them. What was seen of a person stays in that
-- person's table "escalations", under row-level security and their own key; here is
-- what must go on although they are being erased: a case that names nobody in the
-- clear. Who it is about is sealed under the system's key, and gone once it is closed.

-- +goose Up

create table escalation_cases (
  id              uuid primary key, -- blinded from the interaction's id
  about_sealed    bytea not null,   -- severity and kinds
  person_sealed   bytea,            -- opaque ids of person and interaction, until it is closed
  state           text not null default 'open' check (state in ('open', 'acknowledged', 'unanswered', 'closed')),
  created_at      timestamptz not null default now(),
  level           smallint not null default 0 check (level between 0 and 3),
  notifications   integer not null default 0,
  notified_at     timestamptz,
  acknowledged_by uuid,
  acknowledged_at timestamptz,
  unanswered_at   timestamptz,
  closed_by       uuid,
  closed_at       timestamptz,
  outcome         text check (outcome in ('handled', 'false_alarm', 'unreachable')),
  check ((acknowledged_by is null) = (acknowledged_at is null)),
  check (state <> 'acknowledged' or acknowledged_at is not null),
  check (state <> 'unanswered' or unanswered_at is not null),
  check ((state = 'closed') = (closed_at is not null and closed_by is not null and outcome is not null)),
  check ((state = 'closed') = (person_sealed is null))
);
create index escalation_cases_by_time on escalation_cases (created_at, id);
create index escalation_cases_open on escalation_cases (created_at) where state = 'open';
grant select on escalation_cases to meai_app;
-- A case begins open and without anybody's name on it.
grant insert (id, about_sealed, person_sealed) on escalation_cases to meai_app;
grant update (person_sealed, state, level, notifications, notified_at, acknowledged_by, acknowledged_at, unanswered_at,
  closed_by, closed_at, outcome) on escalation_cases to meai_app;
grant select (id, state, created_at, level, notifications, notified_at, acknowledged_by, acknowledged_at, unanswered_at,
  closed_by, closed_at, outcome) on escalation_cases to meai_reader;

-- +goose StatementBegin
-- A case that was answered does not open again, and what was closed stays as it is.
create function meai_escalation_changes() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and (old.state, new.state) not in (
     ('open', 'acknowledged'), ('open', 'unanswered'), ('open', 'closed'),
     ('unanswered', 'acknowledged'), ('unanswered', 'closed'), ('acknowledged', 'closed')) then
    raise exception 'an escalation cannot go from % to %', old.state, new.state using errcode = 'check_violation';
  end if;
  if old.state = 'closed' or (old.acknowledged_by is not null and new.acknowledged_by is distinct from old.acknowledged_by) then
    raise exception 'escalation % is answered', old.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger escalation_changes before update on escalation_cases
  for each row execute function meai_escalation_changes();

-- How a case goes on is told here alone.
alter table escalations drop column state, drop column acknowledged_at, drop column closed_at;
