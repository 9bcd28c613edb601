-- name: CreateEscalation :execrows
insert into escalation_cases (id, about_sealed, person_sealed) values ($1, $2, $3) on conflict do nothing;

-- name: Escalation :one
select * from escalation_cases where id = $1;

-- name: LockEscalation :one
select * from escalation_cases where id = $1 for update;

-- name: Escalations :many
select * from escalation_cases
where (@first::boolean or (created_at, id) < (select b.created_at, b.id from escalation_cases b where b.id = @before))
  and (@any_state::boolean or state = @state::text)
order by created_at desc, id desc limit @page;

-- name: OpenEscalations :many
select id from escalation_cases where state = 'open' order by created_at limit 1000;

-- name: NotedNotification :exec
update escalation_cases set level = greatest(level, @level), notifications = notifications + 1, notified_at = now()
where id = @id and state <> 'closed';

-- name: AcknowledgeEscalation :exec
update escalation_cases set state = 'acknowledged', acknowledged_by = @by, acknowledged_at = now() where id = @id;

-- name: LeaveEscalation :execrows
update escalation_cases set state = 'unanswered', unanswered_at = now() where id = $1 and state = 'open';

-- name: CloseEscalation :exec
update escalation_cases set state = 'closed', closed_by = @by, closed_at = now(), outcome = @outcome::text, person_sealed = null where id = @id;

-- Whether somebody was told in an earlier epoch than this database is in.
-- name: ToldBefore :one
select exists (select from escalation_told t, cluster_state c
where t.case_id = @case_id and t.level = @level and t.round = @round and t.target = @target and t.epoch < c.epoch);

-- name: NoteTold :exec
insert into escalation_told (case_id, epoch, level, round, target, told_at)
values (@case_id, @epoch, @level, @round, @target, @told_at) on conflict do nothing;
