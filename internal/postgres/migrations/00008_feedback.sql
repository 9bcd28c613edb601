-- Feedback: what people say of what they were given, and the policies of TruthFilter
-- that were learned from everybody's. Ids, codes and scores alone; no words.

-- +goose Up

-- One row for each thing that a person has rated; a new rating replaces the old one.
create table filter_feedback (
  subject_id   uuid not null,
  kind         text not null check (kind in ('interaction', 'resource')),
  about        text not null check (length(about) between 1 and 200),
  rating       text not null check (rating in ('helpful', 'untrue', 'unsafe', 'irrelevant')),
  rated_at     timestamptz not null default now(),
  -- The judgement that it is about, where that is known: its policy's version and the
  -- layers' scores.
  policy       text,
  scores       jsonb,
  -- Since when it counts no more, because the person has taken their feedback back.
  withdrawn_at timestamptz,
  primary key (subject_id, kind, about)
) partition by hash (subject_id);
create index filter_feedback_by_time on filter_feedback (rated_at);
select meai_shard('filter_feedback');
select meai_protect('filter_feedback');

-- +goose StatementBegin
-- meai_feedback_counts says how many people gave a rating since then, at most 90 days
-- ago, and how often, each of them counted at most 5 times. There is no row for fewer
-- than 5 people: nothing that comes of it is of one person's making, or tells of one.
-- Only what is active counts. The partitions are guarded from all but the owner.
create function meai_feedback_counts(what text, since timestamptz) returns table (persons integer, times integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select count(*)::integer, sum(given)::integer from (
    select least(count(*), 5) as given from (
      select * from filter_feedback_h0 union all select * from filter_feedback_h1 union all
      select * from filter_feedback_h2 union all select * from filter_feedback_h3 union all
      select * from filter_feedback_h4 union all select * from filter_feedback_h5 union all
      select * from filter_feedback_h6 union all select * from filter_feedback_h7) f
    join subjects s on s.id = f.subject_id and s.state = 'active'
    where f.rating = what and f.withdrawn_at is null and f.rated_at > greatest(since, now() - interval '90 days')
    group by f.subject_id) person
  having count(*) >= 5
$$;

-- What is not sealed does not become unreadable with a person's keys: it goes with
-- the mark that ends their erasure.
create function meai_forget_feedback() returns trigger
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  before text := current_setting('app.subject', true);
begin
  perform set_config('app.subject', new.id::text, true);
  delete from filter_feedback where subject_id = new.id;
  perform set_config('app.subject', coalesce(before, ''), true);
  return null;
end $$;
-- +goose StatementEnd
revoke execute on function meai_feedback_counts(text, timestamptz), meai_forget_feedback() from public;
grant execute on function meai_feedback_counts(text, timestamptz) to meai_app;
create trigger forget_feedback after update of state on subjects
  for each row when (new.state = 'erased' and old.state <> 'erased') execute function meai_forget_feedback();

-- Learned policies and refused candidates, each by the version of the written policy
-- that it moves and a number of its own: "1" and 4 are version 1.4.
create table filter_policies (
  base         text not null check (base ~ '^[A-Za-z0-9._-]{1,40}$'),
  serial       integer not null check (serial > 0),
  -- The run of the workflow that made it, which makes one only.
  run          text not null unique check (length(run) between 1 and 200),
  -- The learned one that it was made from; 0 for the written policy.
  parent       integer not null check (parent >= 0 and parent < serial),
  least        jsonb not null, -- thresholds
  moved        text[] not null check (cardinality(moved) > 0), -- layers
  figures      jsonb not null, -- how it and its parent decide the project's own cases
  state        text not null check (state in ('adopted', 'refused', 'withdrawn')),
  reason       text not null check (reason ~ '^[a-z_]{1,40}$'),
  decided_at   timestamptz not null default now(),
  withdrawn_at timestamptz,
  primary key (base, serial),
  check ((state = 'withdrawn') = (withdrawn_at is not null))
);
grant select on filter_policies to meai_app, meai_reader;
grant insert (base, serial, run, parent, least, moved, figures, state, reason) on filter_policies to meai_app;
grant update (state, withdrawn_at) on filter_policies to meai_app;

-- +goose StatementBegin
-- What was decided stays; an adopted policy can be withdrawn, once.
create function meai_filter_policy_changes() returns trigger language plpgsql as $$
begin
  if old.state <> 'adopted' or new.state <> 'withdrawn' then
    raise exception 'a policy cannot go from % to %', old.state, new.state using errcode = 'check_violation';
  end if;
  return new;
end $$;
-- +goose StatementEnd
create trigger policy_changes before update on filter_policies
  for each row execute function meai_filter_policy_changes();
