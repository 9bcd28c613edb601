-- name: CreateSubject :exec
insert into subjects (id) values ($1) on conflict do nothing;

-- name: SubjectState :one
select state from subjects where id = $1;

-- name: SubjectStates :many
select id, state from subjects where id = any(@ids::uuid[]);

-- Nobody changes it until the transaction ends.
-- name: HoldSubjectState :one
select state from subjects where id = $1 for share;

-- Pages of the registry for batch work, in the order of the ids.
-- name: ActiveSubjects :many
select id from subjects where state = 'active' and id > @after order by id limit @page;

-- The first value that is recorded stays.
-- name: RecordSetting :exec
insert into settings (key, value) values ($1, $2) on conflict do nothing;

-- name: Setting :one
select value from settings where key = $1;

-- name: EnsurePartitions :one
select meai_ensure_partitions(@until);

-- It waits for the writes that hold the row, and none begins after it.
-- name: FreezeSubject :exec
update subjects set state = 'freezing' where id = $1 and state = 'active';

-- name: MarkSubjectErased :execrows
update subjects set state = 'erased' where id = $1 and state = 'freezing';

-- The workflows of a person's messages, in pages, oldest first.
-- name: WorkflowsOfSubject :many
select id, workflow_id from interactions
where subject_id = @subject_id and id > @after order by id limit @page;

-- name: SetAlias :exec
update subjects set alias = @alias where id = @id and alias is null;

-- name: SubjectOfAlias :one
select id from subjects where alias = @alias;

-- name: SubjectsWithoutAlias :many
select id from subjects where alias is null limit @page;
