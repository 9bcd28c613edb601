-- Consent: what each person decided about each purpose, and what only aggregates may be
-- known of it.

-- +goose Up

-- One row for each time that a person was asked or has decided. The newest decision of a
-- purpose counts; nothing is ever changed. Ids, codes, times and a signed receipt, no words.
create table consent_decisions (
  subject_id   uuid not null,
  purpose      text not null check (purpose ~ '^[a-z][a-z_]{1,39}$'),
  -- By the clock of who recorded it, and later than the decision before. What a restore
  -- brings back late takes its place in time, not in the order of arrival.
  decided_at   timestamptz not null,
  id           uuid not null,
  decision     text not null check (decision in ('asked', 'given', 'refused', 'withdrawn')),
  -- The text that the person saw, and its SHA-256.
  text_version integer not null check (text_version > 0),
  language     text not null check (language ~ '^[a-z]{2}$'),
  text_hash    bytea not null check (octet_length(text_hash) = 32),
  -- Until when a consent counts, as the text said; null for no end.
  expires_at   timestamptz,
  receipt      text check (length(receipt) between 1 and 2048),
  primary key (subject_id, purpose, decided_at, id),
  check (expires_at is null or (decision = 'given' and expires_at > decided_at)),
  check ((receipt is null) = (decision = 'asked'))
) partition by hash (subject_id);
select meai_shard('consent_decisions');
select meai_protect('consent_decisions');
revoke update on consent_decisions from meai_app;

-- Everybody's newest decision about each purpose, for the functions below alone: nobody
-- is granted it, and the partitions are guarded from all but the owner.
-- +goose StatementBegin
do $$
begin
  execute 'create view consents_of_all as '
    'select distinct on (subject_id, purpose) subject_id, purpose, decision, text_version, expires_at from ('
    || (select string_agg(format('select * from consent_decisions_h%s', n), ' union all ') from generate_series(0, 7) n) ||
    ') d where decision <> ''asked'' '
    -- Of two at one moment the later word is the one that counts: withdrawn, refused, given.
    'order by subject_id, purpose, decided_at desc, decision desc';
end $$;

-- meai_consent_counts says how many people stand how towards each purpose. A consent to
-- a text that is no longer accepted counts as given here until it expires.
create function meai_consent_counts() returns table (purpose text, state text, people bigint)
  language sql stable security definer set search_path = public, pg_temp as $$
  select c.purpose, case when c.decision = 'given' and c.expires_at <= now() then 'expired' else c.decision end, count(*)
  from consents_of_all c join subjects s on s.id = c.subject_id and s.state = 'active'
  group by 1, 2
$$;

-- meai_feedback_counts as before, of those who agree that their ratings count for
-- everybody, and whose data may be used. text_version is the oldest text of that purpose
-- to which a consent still counts.
drop function meai_feedback_counts(text, timestamptz);
create function meai_feedback_counts(what text, since timestamptz, text_version integer) returns table (persons integer, times integer)
  language sql stable security definer set search_path = public, pg_temp as $$
  select count(*)::integer, sum(given)::integer from (
    select least(count(*), 5) as given from (
      select * from filter_feedback_h0 union all select * from filter_feedback_h1 union all
      select * from filter_feedback_h2 union all select * from filter_feedback_h3 union all
      select * from filter_feedback_h4 union all select * from filter_feedback_h5 union all
      select * from filter_feedback_h6 union all select * from filter_feedback_h7) f
    join subjects s on s.id = f.subject_id and s.state = 'active' and s.restricted_at is null
    join consents_of_all c on c.subject_id = f.subject_id and c.purpose = 'feedback' and c.decision = 'given'
      and (c.expires_at is null or c.expires_at > now()) and c.text_version >= meai_feedback_counts.text_version
    where f.rating = what and f.withdrawn_at is null and f.rated_at > greatest(since, now() - interval '90 days')
    group by f.subject_id) person
  having count(*) >= 5
$$;
-- +goose StatementEnd
revoke execute on function meai_consent_counts(), meai_feedback_counts(text, timestamptz, integer) from public;
grant execute on function meai_consent_counts() to meai_app, meai_reader;
grant execute on function meai_feedback_counts(text, timestamptz, integer) to meai_app;
