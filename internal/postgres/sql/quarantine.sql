-- name: ClusterState :one
select epoch, continues, state, since, reason, restore_id, approval_id, restored_to_lsn, restored_to, audit_kept, begun_by from cluster_state;

-- name: ApplyEpoch :exec
select meai_epoch_begun(@epoch, @by, @kept);

-- name: BeginQuarantine :one
select meai_quarantine_begin(@reason, @restore, sqlc.narg('approval')::uuid, sqlc.narg('lsn')::text, sqlc.narg('restored_to')::timestamptz);

-- name: EndQuarantine :one
select meai_quarantine_end(@restore);

-- name: ContinueEpoch :exec
select meai_epoch_continued(@epoch, @by);
