-- name: InsertSession :exec
insert into sessions (subject_id, id, created_at, expires_at, device_sealed)
values ($1, $2, $3, $4, $5);

-- name: Session :one
select * from sessions where subject_id = $1 and id = $2;

-- The first end is the one that counts.
-- name: EndSession :one
update sessions set ended_at = coalesce(ended_at, @ended_at)
where subject_id = @subject_id and id = @id
returning *;
