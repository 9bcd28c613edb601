-- All subjects, whatever their state, in pages in the order of the ids.
-- name: SubjectsAfter :many
select id, state from subjects where id > @after order by id limit @page;
