-- name: InsertErasure :execrows
insert into erasures (id, alias, person_sealed, state, law, origin, approval_id, requested_at, cooling_until)
values (@id, @alias, @person_sealed, @state, @law, @origin, @approval_id, @requested_at, @cooling_until)
on conflict do nothing;

-- name: Erasure :one
select * from erasures where id = $1;

-- name: LockErasure :one
select * from erasures where id = $1 for update;

-- The one that is under way for a person.
-- name: OpenErasure :one
select * from erasures where alias = $1 and state not in ('certified', 'cancelled');

-- name: MoveErasure :execrows
update erasures set state = @new_state where id = @id and state = @old_state;

-- name: EndCoolingOff :execrows
update erasures set cooling_until = least(cooling_until, greatest(requested_at, @at::timestamptz))
where id = @id and state in ('requested', 'held');

-- name: NoteInventory :exec
update erasures set counts = @counts, samples_sealed = @samples_sealed where id = @id;

-- name: NoteUnreadable :exec
update erasures set unreadable_at = coalesce(unreadable_at, @at::timestamptz) where id = @id;

-- name: NoteErased :exec
update erasures set erased_at = @at::timestamptz where id = @id;

-- name: NoteScanned :exec
update erasures set scanned_at = sqlc.narg(at), searched = @searched, kept = @kept where id = @id;

-- name: EndErasure :execrows
update erasures set state = @state, ended_at = @at::timestamptz, person_sealed = null, samples_sealed = null
where id = @id and ended_at is null;

-- name: UnendedErasures :many
select id from erasures where ended_at is null order by requested_at, id;

-- name: UnsettledErasures :many
select * from erasures where state = 'certified' and settled_at is null order by ended_at, id;

-- name: SettleErasure :exec
update erasures set settled_at = @at::timestamptz where id = @id and settled_at is null;

-- name: InsertCertificate :execrows
insert into erasure_certificates (erasure, stage, note, issued_at) values (@erasure, @stage, @note, @issued_at)
on conflict do nothing;

-- name: Certificates :many
select stage, note, issued_at from erasure_certificates where erasure = $1 order by issued_at, stage;

-- name: ErasedPerson :one
select erasure from erased_people where alias = $1;

-- What a restored database knows of an erasure whose keys the ledger says are destroyed.
-- name: ErasurePastReturn :exec
update erasures set state = 'destroying'
where alias = $1 and state in ('requested', 'held', 'freezing', 'inventory', 'ending');

-- People who are registered although they are erased, and of whom no erasure is under way.
-- name: ReappearedPeople :many
select s.id from subjects s
where (s.state = 'erased' or exists (select from erased_people p where p.alias = s.alias))
  and not exists (select from erasures e where e.alias = s.alias and e.state not in ('certified', 'cancelled'))
order by s.id limit @page;

-- It waits for the writes that hold the row.
-- name: LockSubject :one
select state from subjects where id = $1 for update;

-- name: ThawSubject :execrows
update subjects set state = 'active' where id = $1 and state = 'freezing';

-- name: RemovePerson :one
select meai_remove_person(@person);
