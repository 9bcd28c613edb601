-- Nothing is inserted while another one is under way, or when it is there already.
-- name: InsertExport :execrows
insert into privacy_exports (subject_id, id, request_hmac, lock, formats, requested_at)
values (@subject_id, @id, @request_hmac, @lock, @formats::text[], @requested_at)
on conflict do nothing;

-- name: ExportByID :one
select * from privacy_exports where subject_id = @subject_id and id = @id;

-- Holds the export's row until the transaction ends.
-- name: LockExport :one
select * from privacy_exports where subject_id = @subject_id and id = @id for update;

-- name: ExportsOf :many
select * from privacy_exports where subject_id = @subject_id order by requested_at desc, id desc limit @page;

-- name: BeginExport :execrows
update privacy_exports set state = 'writing', started_at = @at, rows_total = @rows_total, rows_done = 0
where subject_id = @subject_id and id = @id and state in ('queued', 'writing');

-- name: ExportProgress :exec
update privacy_exports set rows_done = @rows_done where subject_id = @subject_id and id = @id and state = 'writing';

-- name: FinishExport :execrows
update privacy_exports set state = 'ready', finished_at = @at, expires_at = @expires_at, size = @size, sha256 = @sha256, rows_done = rows_total
where subject_id = @subject_id and id = @id and state = 'writing';

-- name: FailExport :execrows
update privacy_exports set state = 'failed', failure = @failure, finished_at = @at
where subject_id = @subject_id and id = @id and state in ('queued', 'writing');

-- name: DeleteExport :one
update privacy_exports set state = 'deleted', ended_at = @at
where subject_id = @subject_id and id = @id and state in ('queued', 'writing', 'ready')
returning *;

-- name: ExpireExport :execrows
update privacy_exports set state = 'expired', ended_at = @at
where subject_id = @subject_id and id = @id and state = 'ready' and expires_at <= @at;

-- Nothing is inserted while another one is under way, or when it is there already.
-- name: InsertImport :execrows
insert into privacy_imports (subject_id, id, requested_at) values (@subject_id, @id, @requested_at)
on conflict do nothing;

-- name: ImportByID :one
select * from privacy_imports where subject_id = @subject_id and id = @id;

-- name: ImportReceived :execrows
update privacy_imports set state = 'received', received_at = @at, parts = @parts, size = @size
where subject_id = @subject_id and id = @id and state = 'receiving';

-- name: BeginImport :execrows
update privacy_imports set state = 'importing', export_id = @export_id, rows_total = @rows_total, rows_done = 0
where subject_id = @subject_id and id = @id and state in ('received', 'importing');

-- name: ImportProgress :exec
update privacy_imports set rows_done = @rows_done where subject_id = @subject_id and id = @id and state = 'importing';

-- name: ImportFilled :execrows
update privacy_imports set state = 'indexing', rows_done = @rows_done
where subject_id = @subject_id and id = @id and state = 'importing';

-- name: EndImport :execrows
update privacy_imports set state = 'done', ended_at = @at, parts = 0
where subject_id = @subject_id and id = @id and state = 'indexing';

-- name: FailImport :execrows
update privacy_imports set state = 'failed', failure = @failure, ended_at = @at, parts = 0
where subject_id = @subject_id and id = @id and state in ('receiving', 'received', 'importing');

-- Terms of memories that were added with others' tools than those of memory.
-- name: FillTerms :exec
insert into memory_terms (subject_id, term, node_id)
select n.subject_id, unnest(n.terms), n.id from memory_nodes n
where n.subject_id = @subject_id and n.id = any(@nodes::uuid[])
on conflict do nothing;

-- Facts point at entities: their words are needed to tell which question a fact answers.
-- name: ExportEntities :many
select id, text_sealed from memory_nodes where subject_id = @subject_id and kind = 'entity' and id > @after::uuid order by id limit @page;

-- name: ExportAccount :one
select state, created_at, restricted_at from subjects where id = @subject_id;

-- When an account of an identity provider was linked with the person.
-- name: ExportLinked :many
select created_at from principals where id = @subject_id;

-- name: ExportAPIKeys :many
select id, roles, scopes, created_at, expires_at, revoked_at from api_keys where principal_id = @subject_id order by created_at, id;

-- name: ExportRequests :many
select id, kind, law, state, received_at, confirmed_at, due_at, extended_at, reason, ended_at
from privacy_requests where person_id = @subject_id::uuid order by received_at, id;

-- What was done to the person, and what they did. The second has no index: it reads the
-- whole log, once for an export.
-- name: ExportAuditEntries :many
select leaf_index, leaf, hashes from audit_log
where leaf_index >= @first and leaf_index < @until::bigint
  and (substring(leaf from 18 for 32) = @object::bytea
    or position(convert_to(@actor::text, 'UTF8') in leaf) > 0 or position(convert_to(@alias::text, 'UTF8') in leaf) > 0)
order by leaf_index;
