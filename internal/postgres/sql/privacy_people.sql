-- What was done to an object, newest first. The condition on zeros lets the index be used;
-- times are 8 bytes in network order, so that they compare as they follow each other.
-- name: AuditEntriesOfObjectBefore :many
select leaf_index, leaf from audit_log
where substring(leaf from 18 for 32) = @object::bytea and substring(leaf from 9 for 8) < @before::bytea
  and substring(leaf from 18 for 32) <> '\x0000000000000000000000000000000000000000000000000000000000000000'
order by leaf_index desc limit @page;

-- How much there is of a person, and since when; never what.
-- name: CountsOfPerson :one
select s.state, s.created_at, s.restricted_at,
  (select count(*) from sessions x where x.subject_id = @subject_id) as sessions,
  (select count(*) from interactions x where x.subject_id = @subject_id) as messages,
  (select coalesce(max(x.accepted_at), 'epoch') from interactions x where x.subject_id = @subject_id)::timestamptz as last_message_at,
  (select count(*) from memory_nodes x where x.subject_id = @subject_id and x.kind = 'turn' and x.retracted_at is null) as memories,
  (select count(*) from memory_writes x where x.subject_id = @subject_id and x.state = 'queued') as waiting,
  (select count(*) from memory_writes x where x.subject_id = @subject_id and x.state = 'failed') as failed
from subjects s where s.id = @subject_id;
