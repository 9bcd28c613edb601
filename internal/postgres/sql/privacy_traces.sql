-- The first erasure that is recorded stays.
-- name: RecordErasedPerson :exec
insert into erased_people (alias, erasure, erased_at) values (@alias, @erasure, @erased_at) on conflict do nothing;
