package residue_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meai/activities/privacy/residue"
	"meai/internal/pgserver"
)

// TestWhoBeginsToReadDuringACleanUpKeepsNoStatistics: the statistics of a rewritten table
// are deleted while the clean-up runs, so a reader who began after it did holds them back.
func TestWhoBeginsToReadDuringACleanUpKeepsNoStatistics(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 20)
	exec(t, c.super, "analyze")
	c.erase(t, erased)
	c.soon(t)
	holder, reader := connect(t, c.URL("meai_owner", "meai")), connect(t, c.URL("meai_backup", "meai"))
	exec(t, holder, "begin")
	exec(t, holder, "lock table only subjects in row exclusive mode")
	ended := make(chan error, 1)
	go func() {
		_, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{c.owner()}, Patience: 5 * time.Second}, nil)
		ended <- err
	}()
	require.Eventually(t, func() bool {
		return query[int](t, c.super, "select count(*) from maintenance_tables") > 0
	}, 20*time.Second, 20*time.Millisecond, "it writes tables anew, and waits for one")
	exec(t, reader, "begin isolation level repeatable read")
	require.Zero(t, query[int](t, reader, "select count(*) from backups"))
	exec(t, holder, "commit")
	require.ErrorContains(t, <-ended, "somebody reads as of before")
	exec(t, reader, "commit")
	c.cleanUp(t, residue.CleanUpOptions{})
	require.Empty(t, c.found(t, erased))
}

func TestACleanUpThatEndedBeforeTheStatisticsIsMadeUpFor(t *testing.T) {
	c := newCluster(t, nil)
	erased := c.newPerson(t, 20)
	exec(t, c.super, "create database other owner meai_owner")
	other := connect(t, c.URL("meai_owner", "other"))
	exec(t, other, "create table words (id uuid)")
	exec(t, other, "insert into words select $1 from generate_series(1, 50)", erased.subject)
	exec(t, other, "analyze words")
	exec(t, other, "delete from words")
	exec(t, other, "insert into words values (gen_random_uuid())")
	c.erase(t, erased)
	c.soon(t)
	exec(t, other, "select pg_stat_force_next_flush()")
	url := c.URL("meai_owner", "other")
	holder := connect(t, c.URL(pgserver.Superuser, "other"))
	exec(t, holder, "begin")
	exec(t, holder, "lock table pg_catalog.pg_statistic in access share mode")
	_, err := residue.CleanUp(t.Context(), residue.CleanUpOptions{URLs: []string{c.owner(), url}, Patience: time.Second}, nil)
	require.ErrorContains(t, err, "pg_statistic: others hold the table")
	exec(t, holder, "commit")
	c.cleanUp(t, residue.CleanUpOptions{URLs: []string{url}})
	require.Empty(t, c.found(t, erased))
}

func TestACleanUpRestsAfterTheOneBefore(t *testing.T) {
	c := newCluster(t, nil)
	c.soon(t)
	c.cleanUp(t, residue.CleanUpOptions{})
	c.cleanUp(t, residue.CleanUpOptions{Rest: 2})
	require.True(t, query[bool](t, c.super, `select b.began_at - a.ended_at >= 2 * (a.ended_at - a.began_at)
		from maintenance_runs a, maintenance_runs b where a.id = 1 and b.id = 2`))
}
