-- Every worker process asks each other second how many people are frozen or
-- erased, to drop what it holds in memory when there is one more.

-- +goose Up

create index subjects_inactive on subjects (id) where state <> 'active';
