-- name: TriggersOf :one
select triggers_sealed from filter_triggers where subject_id = $1;

-- name: SetTriggers :exec
insert into filter_triggers (subject_id, triggers_sealed) values ($1, $2)
on conflict (subject_id) do update set triggers_sealed = excluded.triggers_sealed, changed_at = now();
