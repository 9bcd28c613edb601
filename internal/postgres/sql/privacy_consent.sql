-- Whether data may be processed now: one row for each of the purposes about which the person
-- has decided, its newest decision, and a row without any when there is none. No row for a
-- person whom nobody knows. Of two decisions at one moment a withdrawal counts.
-- name: Permission :many
select s.restricted_at, coalesce(d.purpose, '')::text as purpose, coalesce(d.decision, '')::text as decision,
  coalesce(d.text_version, 0)::int as text_version, d.expires_at
from subjects s
left join (
  select distinct on (purpose) subject_id, purpose, decision, text_version, expires_at from consent_decisions
  where subject_id = @subject_id and purpose = any(@purposes::text[]) and decision <> 'asked'
  order by purpose, decided_at desc, decision desc
) d on d.subject_id = s.id
where s.id = @subject_id;

-- The newest decision about each purpose, and the newest time it was asked for.
-- name: NewestConsents :many
select distinct on (purpose, decision = 'asked') * from consent_decisions
where subject_id = @subject_id
order by purpose, decision = 'asked', decided_at desc, decision desc;

-- name: ConsentHistory :many
select * from consent_decisions where subject_id = @subject_id order by decided_at desc, id desc limit @page;

-- name: RecordConsent :execrows
insert into consent_decisions (subject_id, purpose, decided_at, id, decision, text_version, language, text_hash, expires_at, receipt)
values (@subject_id, @purpose, @decided_at, @id, @decision, @text_version, @language, @text_hash, @expires_at, @receipt)
on conflict do nothing;

-- name: ConsentCounts :many
select purpose::text as purpose, state::text as state, people::bigint as people from meai_consent_counts() order by 1, 2;

-- For who applies an act of the ledger: the rest of the transaction is this person's, or
-- nobody's with an empty text.
-- name: BindSubject :exec
select set_config('app.subject', @subject::text, true);

-- name: RestrictedAt :one
select restricted_at from subjects where id = $1;

-- name: RestrictSubject :execrows
update subjects set restricted_at = @at where id = @id and restricted_at is null and state <> 'erased';

-- name: LiftRestriction :execrows
update subjects set restricted_at = null where id = $1 and restricted_at is not null;

-- name: CountRestricted :one
select count(*) from subjects where restricted_at is not null and state = 'active';

-- Waits for the transactions that write for the person, and has later ones wait.
-- name: HoldSubject :one
select state from subjects where id = $1 for no key update;
