-- Triggers: what a person does not want to be reminded of unless they speak of it
-- themselves. Their words, so they are sealed with the person's keys.

-- +goose Up

create table filter_triggers (
  subject_id      uuid primary key,
  triggers_sealed bytea not null,
  changed_at      timestamptz not null default now()
) partition by hash (subject_id);
select meai_shard('filter_triggers');
select meai_protect('filter_triggers');
