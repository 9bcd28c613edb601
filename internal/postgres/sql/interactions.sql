-- Reserves the idempotency key and makes the interaction in one statement, if the
-- session is open. No row: the key was taken, or the session is absent or over.
-- A concurrent request with the same key waits here for the first one's commit.
-- name: AcceptInteraction :one
with reserved as (
  insert into idempotency_keys (subject_id, key_hmac, body_hmac, interaction_id, created_at)
  select s.subject_id, @key_hmac, @body_hmac, @id, @accepted_at
  from sessions s
  where s.subject_id = @subject_id and s.id = @session_id
    and s.ended_at is null and s.expires_at > @accepted_at
  on conflict do nothing
  returning interaction_id
)
insert into interactions (subject_id, id, session_id, workflow_id, state, accepted_at)
select @subject_id, reserved.interaction_id, @session_id, @workflow_id, 'received', @accepted_at
from reserved
returning id;

-- name: IdempotencyKey :one
select interaction_id, body_hmac from idempotency_keys where subject_id = $1 and key_hmac = $2;

-- name: HasInteraction :one
select exists (select 1 from interactions where subject_id = $1 and id = $2);

-- name: ConfirmInteraction :exec
update interactions set state = 'accepted'
where subject_id = $1 and id = $2 and state = 'received';

-- The steps are found by the parameter and not by i.id: only what is known when
-- the statement is planned prunes the partitions of both tables to one.
-- name: Interaction :one
select sqlc.embed(i),
  (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from interaction_steps s
   where s.subject_id = $1 and s.interaction_id = $3)::jsonb as steps
from interactions i
where i.subject_id = $1 and i.session_id = $2 and i.id = $3;

-- Newest first; ids are UUIDv7, so their order is the order of time. The bounds
-- are exclusive; besides paging they prune the partitions by time.
-- name: Interactions :many
select sqlc.embed(i),
  (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from interaction_steps s
   where s.subject_id = @subject_id and s.interaction_id = i.id
     and s.interaction_id < @before and s.interaction_id > @after)::jsonb as steps
from interactions i
where i.subject_id = @subject_id and i.session_id = @session_id
  and i.id < @before and i.id > @after
order by i.id desc
limit @page;

-- Everything that makes an answer readable, in one statement. The first delivery
-- wins: a repeat finds the row answered, returns no row and changes nothing.
-- The insert stands in for an accepting transaction that a restore lost.
-- name: DeliverInteraction :one
with delivered as (
  insert into interactions as i (subject_id, id, session_id, workflow_id, state, accepted_at, answered_at,
    words_sealed, context_sealed, answer_sealed)
  values (@subject_id, @id, @session_id, @workflow_id, 'answered', @accepted_at, @answered_at,
    @words_sealed, @context_sealed, @answer_sealed)
  on conflict (subject_id, id) do update set
    state = 'answered', answered_at = excluded.answered_at, words_sealed = excluded.words_sealed,
    context_sealed = excluded.context_sealed, answer_sealed = excluded.answer_sealed
  where i.state <> 'answered'
  returning i.subject_id, i.id, i.session_id, i.answered_at
), counted as (
  update sessions s set
    interactions = s.interactions + 1,
    emotion_sealed = case when s.last_interaction > d.id then s.emotion_sealed else coalesce(sqlc.narg(emotion)::bytea, s.emotion_sealed) end,
    last_interaction = greatest(s.last_interaction, d.id)
  from delivered d
  where s.subject_id = @subject_id and s.id = d.session_id
), escalated as (
  insert into escalations (subject_id, interaction_id, created_at, assessment_sealed)
  select d.subject_id, d.id, d.answered_at, sqlc.narg(assessment_sealed)::bytea
  from delivered d
  where sqlc.narg(assessment_sealed)::bytea is not null
  on conflict do nothing
), to_remember as (
  insert into memory_writes (subject_id, id, session_id, origin, said_at, accepted_at, changed_at, state, failure)
  select d.subject_id, d.id, d.session_id, 'told', @accepted_at, @accepted_at, d.answered_at,
    case when sqlc.narg(unremembered)::text is null then 'queued' else 'failed' end, sqlc.narg(unremembered)::text
  from delivered d
  on conflict do nothing
)
select answered_at from delivered;

-- When an interaction was answered, and whether that answer called people on duty.
-- name: Answered :one
select i.answered_at, exists(
  select 1 from escalations e where e.subject_id = $1 and e.interaction_id = $2
) as escalated
from interactions i where i.subject_id = $1 and i.id = $2 and i.state = 'answered';

-- The durable outcome of one step; it replaces whatever a hint said before.
-- name: FinishStep :exec
insert into interaction_steps (subject_id, interaction_id, step, state, started_at, completed_at, reason)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (subject_id, interaction_id, step) do update set
  state = excluded.state, started_at = excluded.started_at,
  completed_at = excluded.completed_at, reason = excluded.reason;

-- The same for several steps at once; the records are a JSON array.
-- name: FinishSteps :exec
insert into interaction_steps (subject_id, interaction_id, step, state, started_at, completed_at, reason)
select @subject_id, @interaction_id, r.step, r.state, r.started_at, r.completed_at, coalesce(r.reason, '')
from jsonb_to_recordset(@records::jsonb)
  as r (step text, state text, started_at timestamptz, completed_at timestamptz, reason text)
on conflict (subject_id, interaction_id, step) do update set
  state = excluded.state, started_at = excluded.started_at,
  completed_at = excluded.completed_at, reason = excluded.reason;

-- Hints of several interactions: they never overwrite an outcome.
-- name: HintSteps :exec
insert into interaction_steps (subject_id, interaction_id, step, state, started_at, completed_at, reason)
select @subject_id, r.interaction, r.step, r.state, r.started_at, r.completed_at, coalesce(r.reason, '')
from jsonb_to_recordset(@records::jsonb)
  as r (interaction uuid, step text, state text, started_at timestamptz, completed_at timestamptz, reason text)
on conflict (subject_id, interaction_id, step) do update set
  state = excluded.state, completed_at = excluded.completed_at, reason = excluded.reason
where interaction_steps.state = 'started' and excluded.state <> 'started';
