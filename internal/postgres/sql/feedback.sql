-- A second rating of the same thing replaces the first; the same one again changes nothing
-- but what is newly known, and counts from when it was first given.
-- name: RateThing :one
insert into filter_feedback as f (subject_id, kind, about, rating, policy, scores)
values (@subject_id, @kind, @about, @rating, sqlc.narg(policy), sqlc.narg(scores))
on conflict (subject_id, kind, about) do update set
  rated_at = case when f.rating = excluded.rating and f.withdrawn_at is null then f.rated_at else now() end,
  rating = excluded.rating, policy = excluded.policy, scores = excluded.scores, withdrawn_at = null
returning rated_at;

-- name: FeedbackOf :many
select rating, count(*)::int as times, min(rated_at)::timestamptz as oldest
from filter_feedback
where subject_id = @subject_id and withdrawn_at is null and rated_at > @since
group by rating;

-- name: WithdrawFeedback :execrows
update filter_feedback set withdrawn_at = now() where subject_id = $1 and withdrawn_at is null;

-- Of those who agree to it, to this version of the text or a later one. No row for fewer than
-- five people.
-- name: FeedbackCounts :many
select persons::int as persons, times::int as times from meai_feedback_counts(@rating::text, @since::timestamptz, @text_version::int);

-- name: FilterPolicies :many
select * from filter_policies where base = @base or @every_base::boolean order by decided_at desc, serial desc limit 1000;

-- name: FilterPolicyOfRun :one
select * from filter_policies where run = $1;

-- The learned policy in force; no row for the written one.
-- name: FilterPolicyInForce :one
select * from filter_policies where base = $1 and state = 'adopted' order by serial desc limit 1;

-- What adopts or withdraws takes turns, until the end of its transaction.
-- name: LockFilterPolicies :exec
select pg_advisory_xact_lock(hashtextextended('meai_filter_policies', 0));

-- name: NextFilterPolicy :one
select (coalesce(max(serial), 0) + 1)::int from filter_policies where base = $1;

-- name: RecordFilterPolicy :exec
insert into filter_policies (base, serial, run, parent, least, moved, figures, state, reason)
values (@base, @serial, @run, @parent, @least, @moved, @figures, @state, @reason);

-- A policy goes with what was learned on top of it.
-- name: WithdrawFilterPolicies :many
update filter_policies set state = 'withdrawn', withdrawn_at = now()
where base = @base and serial >= @serial and state = 'adopted' returning serial;

-- name: AnswerOf :one
select answer_sealed from interactions where subject_id = $1 and id = $2;
