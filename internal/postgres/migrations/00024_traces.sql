-- What takes a person's id out of the tables that are nobody's own, once they are erased:
-- their account and its keys, and what they did and what was done to them as the staff's
-- records have it. The functions do nothing to anybody who is not erased.

-- +goose Up

-- A case may lose whom it is about before it is closed: when they are erased.
-- +goose StatementBegin
do $$
declare
  former name;
begin
  select conname into strict former from pg_constraint
    where conrelid = 'escalation_cases'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%person_sealed IS NULL%';
  execute format('alter table escalation_cases drop constraint %I', former);
end $$;
-- +goose StatementEnd
alter table escalation_cases add check (state <> 'closed' or person_sealed is null);

-- +goose StatementBegin
-- meai_alias_of_erased is what stands for an erased person where their id must go. It
-- fails for anybody else.
create function meai_alias_of_erased(person uuid) returns bytea language plpgsql as $$
declare
  name bytea;
begin
  select alias into name from subjects where id = person and state = 'erased';
  if name is null then
    raise exception 'only who is erased and has an alias is forgotten' using errcode = 'check_violation';
  end if;
  return name;
end $$;

-- meai_forgetting: one of the functions below is changing what otherwise stays as it was
-- written. Others than the owner of a table cannot make it so.
create function meai_forgetting(table_id oid) returns boolean language sql stable as $$
  select coalesce(current_setting('meai.forgetting', true), '') = 'on'
    and (select pg_get_userbyid(c.relowner) = current_user from pg_class c where c.oid = table_id)
$$;

-- meai_forget_account deletes an erased person's account, API keys and roles, and says
-- how many rows that were. Their provider's account gets another id if it comes again.
create function meai_forget_account(person uuid) returns bigint
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  keys   bigint;
  grants bigint;
  own    bigint;
begin
  perform meai_alias_of_erased(person);
  delete from api_keys where principal_id = person;
  get diagnostics keys = row_count;
  delete from role_grants where principal_id = person;
  get diagnostics grants = row_count;
  delete from principals where id = person;
  get diagnostics own = row_count;
  return keys + grants + own;
end $$;

-- meai_forget_in_records puts an erased person's alias in the place of their id in approvals,
-- those that were about them and those that they asked for or decided on, and in
-- escalations that they handled; as an id it is the first half. It says in how many rows.
create function meai_forget_in_records(person uuid) returns bigint
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  name  text := encode(meai_alias_of_erased(person), 'hex');
  stand uuid := left(name, 32)::uuid;
  n     bigint;
  total bigint := 0;
begin
  perform set_config('meai.forgetting', 'on', true);
  update approvals set parameters = jsonb_set(parameters, '{subject}', to_jsonb(name)) where parameters ->> 'subject' = person::text;
  get diagnostics n = row_count;
  total := total + n;
  update approvals set requester = stand where requester = person;
  get diagnostics n = row_count;
  total := total + n;
  update approval_decisions set
      approver = case when approver = person then stand else approver end,
      requester = case when requester = person then stand else requester end
    where person in (approver, requester);
  get diagnostics n = row_count;
  total := total + n;
  update escalation_cases set
      acknowledged_by = case when acknowledged_by = person then stand else acknowledged_by end,
      closed_by = case when closed_by = person then stand else closed_by end
    where person in (acknowledged_by, closed_by);
  get diagnostics n = row_count;
  perform set_config('meai.forgetting', '', true);
  return total + n;
end $$;

create or replace function meai_escalation_changes() returns trigger language plpgsql as $$
begin
  if meai_forgetting(tg_relid) then
    return new;
  end if;
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

-- As retention has it, and for who is erased the staff's names give way to an alias.
create or replace function meai_decisions_stay() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and meai_forgetting(tg_relid) then
    return new;
  end if;
  if tg_op = 'DELETE' and exists (select from approvals a join retention_rules r on r.rule = 'approval_decisions'
      where a.id = old.approval_id and a.decided_at < now() - make_interval(days => r.days)) then
    return old;
  end if;
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
revoke execute on function meai_alias_of_erased(uuid), meai_forgetting(oid), meai_forget_account(uuid), meai_forget_in_records(uuid) from public;
-- A trigger's function runs as who changes a row.
grant execute on function meai_forgetting(oid), meai_forget_account(uuid), meai_forget_in_records(uuid) to meai_app;
