-- All subjects, whatever their state, in pages in the order of the ids.
-- name: SubjectsAfter :many
select id, state from subjects where id > @after order by id limit @page;

-- The first erasure that is recorded stays.
-- name: RecordErasedPerson :exec
insert into erased_people (alias, erasure, erased_at) values (@alias, @erasure, @erased_at) on conflict do nothing;

-- All who ever signed in, in pages in the order of the ids.
-- name: PrincipalsAfter :many
select id from principals where id > @after order by id limit @page;

-- The account of an erased person, their API keys and roles: how many rows were deleted.
-- name: ForgetAccount :one
select meai_forget_account(@person);

-- name: CountAccount :one
select ((select count(*) from principals p where p.id = @person::uuid) + (select count(*) from api_keys k where k.principal_id = @person::uuid)
  + (select count(*) from role_grants g where g.principal_id = @person::uuid))::bigint as rows;

-- An erased person's alias in the place of their id in approvals, and in escalations that
-- they handled: in how many rows.
-- name: ForgetInRecords :one
select meai_forget_in_records(@person);

-- name: CountInRecords :one
select ((select count(*) from approvals a where a.requester = @person::uuid or a.parameters ->> 'subject' = cast(@person::uuid as text))
  + (select count(*) from approval_decisions d where d.approver = @person::uuid or d.requester = @person::uuid)
  + (select count(*) from escalation_cases e where e.acknowledged_by = @person::uuid or e.closed_by = @person::uuid))::bigint as rows;

-- Cases that still hold whom they are about.
-- name: EscalationsAboutSomebody :many
select id, person_sealed from escalation_cases where person_sealed is not null and id > @after order by id limit @page;

-- name: ForgetInEscalation :execrows
update escalation_cases set person_sealed = null where id = $1 and state <> 'closed' and person_sealed is not null;
