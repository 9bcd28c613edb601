package residue

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// lockTimeout is short: while a table is waited for, everybody waits behind.
	lockTimeout = "300ms"
	// Between attempts at the tables that could not be had.
	firstPause, longestPause = 500 * time.Millisecond, 15 * time.Second
)

// The SQLSTATEs that say what to do.
const (
	lockNotAvailable = "55P03"
	deadlock         = "40P01"
	mayNot           = "42501"
	noFunction       = "42883"
	noTable          = "42P01"
	noSchema         = "3F000"
)

// database is one database under a clean-up.
type database struct {
	*run
	conn *pgx.Conn
	name string
	// version is the server's, such as 150018; since is since when it counts, which a crash
	// begins anew.
	version int
	since   time.Time
	// undead counts the deleted rows that the last statement had to keep, because somebody
	// may still read them; skipped is set when it left a table out.
	undead  int64
	skipped bool
	// asked is a transaction id: what is to be cleared was deleted by earlier ones.
	asked int64
}

// table is a table of rows, as the server counts what happens to it.
type table struct {
	Name    string
	Bytes   int64 // with indexes and what is stored beside it
	Used    bool  // a row was in it at some time
	Changes int64 // rows changed or deleted since the server counts
	Dead    int64
	Vacuums int64
}

// database rewrites what must be rewritten of one database.
func (r *run) database(ctx context.Context, url string) (err error) {
	d := &database{run: r}
	if d.conn, err = connect(ctx, url, r.options.TLS, d.hear); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closed(ctx, d.conn)) }()
	err = d.conn.QueryRow(ctx, `select d.datname::text, current_setting('server_version_num')::int, greatest(d.stats_reset, b.stats_reset, '-infinity')
		from pg_stat_database d, pg_stat_bgwriter b where d.datname = current_database()`).Scan(&d.name, &d.version, &d.since)
	if err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	tables, err := d.touched(ctx)
	if err == nil {
		err = d.rewrite(ctx, tables)
	}
	if err == nil {
		err = d.forgetStatistics(ctx)
	}
	if err != nil {
		return fmt.Errorf("database %s: %w", d.name, err)
	}
	return nil
}

// hear listens to what is said beside answers. Whoever vacuums without the right to is
// warned, not refused.
func (d *database) hear(n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" {
		d.skipped = true
	}
	if found := undeadRows.FindStringSubmatch(n.Detail); found != nil {
		if count, err := strconv.ParseInt(found[1], 10, 64); err == nil {
			d.undead = max(d.undead, count)
		}
	}
}

// undeadRows finds the number that VACUUM FULL VERBOSE details: "3 dead row versions
// cannot be removed yet", in whatever language.
var undeadRows = regexp.MustCompile(`\A(\d+)\D`)

// touched lists the tables to rewrite, small ones first.
func (d *database) touched(ctx context.Context) ([]table, error) {
	rows, err := d.conn.Query(ctx, `
		select format('%I.%I', n.nspname, c.relname) as name, pg_total_relation_size(c.oid) as bytes,
		  -- An index of nothing is one page.
		  pg_relation_size(c.oid) > 0 or exists (select from pg_index i
		    where i.indrelid = c.oid and pg_relation_size(i.indexrelid) > current_setting('block_size')::int) as used,
		  coalesce(s.n_tup_upd + s.n_tup_del, 0) as changes, coalesce(s.n_dead_tup, 0) as dead,
		  coalesce(s.vacuum_count + s.autovacuum_count, 0) as vacuums
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		left join pg_stat_all_tables s on s.relid = c.oid
		where c.relkind in ('r', 'm') and c.relpersistence <> 't'
		  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
		order by bytes, name`)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	before, err := d.recorded(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(t table) bool { return !t.differs(before) }), nil
}

// differs reports whether a table may hold what was deleted. Rows of transactions that
// were rolled back are dead until an automatic vacuum, after which they lie there still.
func (t table) differs(before map[string]table) bool {
	was, known := before[t.Name]
	if !known {
		return t.Used
	}
	return t.Dead > 0 || t.Changes != was.Changes || t.Vacuums != was.Vacuums
}

// recorded is what was counted when tables were rewritten last, by the same count.
func (d *database) recorded(ctx context.Context) (map[string]table, error) {
	rows, err := d.records.Query(ctx, "select relation, changes, vacuums from maintenance_tables where database = $1 and counted_since = $2", d.name, d.since)
	if err != nil {
		return nil, fmt.Errorf("read what was cleaned before: %w", err)
	}
	all := map[string]table{}
	var t table
	_, err = pgx.ForEachRow(rows, []any{&t.Name, &t.Changes, &t.Vacuums}, func() error {
		all[t.Name] = t
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was cleaned before: %w", err)
	}
	return all, nil
}

// job is a statement that needs a lock, and what follows once it is done.
type job struct {
	statement, table string
	after            func(context.Context) error
}

// rewrite writes tables anew, with their indexes and their statistics.
func (d *database) rewrite(ctx context.Context, tables []table) error {
	if err := d.ask(ctx); err != nil {
		return err
	}
	jobs := make([]job, len(tables))
	for i, t := range tables {
		jobs[i] = job{"vacuum (full, verbose, analyze) " + t.Name, t.Name, func(ctx context.Context) error { return d.rewritten(ctx, t) }}
	}
	return d.insist(ctx, jobs)
}

// rewritten takes down what it led to, and what was counted before it began: what came
// meanwhile has the table rewritten again.
func (d *database) rewritten(ctx context.Context, t table) error {
	var after int64
	if err := d.conn.QueryRow(ctx, "select coalesce(pg_total_relation_size(to_regclass($1::text)), 0)", t.Name).Scan(&after); err != nil {
		return fmt.Errorf("measure %s: %w", t.Name, err)
	}
	d.done.Tables++
	d.done.Before += t.Bytes
	d.done.After += after
	d.beat(int64(d.done.Tables))
	_, err := d.records.Exec(ctx, `
		insert into maintenance_tables (database, relation, counted_since, changes, vacuums) values ($1, $2, $3, $4, $5)
		on conflict (database, relation) do update set counted_since = excluded.counted_since,
		  changes = excluded.changes, vacuums = excluded.vacuums, cleaned_at = excluded.cleaned_at`,
		d.name, t.Name, d.since, t.Changes, t.Vacuums)
	if err != nil {
		return fmt.Errorf("record that %s is rewritten: %w", t.Name, err)
	}
	return nil
}

// insist runs all jobs, those for which a table cannot be had at first at the end.
func (d *database) insist(ctx context.Context, jobs []job) error {
	pause := firstPause
	for deadline := time.Now().Add(d.patience); ; pause = min(2*pause, longestPause) {
		var left []job
		var why string
		for _, j := range jobs {
			reason, err := d.attempt(ctx, j)
			if err != nil {
				return err
			}
			if reason != "" {
				left, why = append(left, j), reason
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d statements are left, such as %s: %s", len(left), left[0].statement, why)
		}
		jobs = left
		if err := d.pause(ctx, pause); err != nil {
			return err
		}
	}
}

// ask has what was deleted until now be what is to be cleared.
func (d *database) ask(ctx context.Context) error {
	if err := d.conn.QueryRow(ctx, "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint").Scan(&d.asked); err != nil {
		return fmt.Errorf("ask for a transaction id: %w", err)
	}
	return nil
}

// attempt runs a job once. A reason is why it is worth another attempt.
func (d *database) attempt(ctx context.Context, j job) (reason string, err error) {
	read, err := d.read(ctx)
	if err != nil {
		return "", err
	}
	d.undead, d.skipped = 0, false
	err = d.patiently(ctx, func(ctx context.Context) error {
		_, err := d.conn.Exec(ctx, j.statement)
		return err
	})
	switch {
	case is(err, noTable):
		return "", nil // it went away meanwhile, with all that was in it
	case is(err, lockNotAvailable), is(err, deadlock):
		return "others hold the table", nil
	case d.skipped, is(err, mayNot):
		d.denied(j.table)
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%s: %w", j.statement, err)
	case d.undead > 0 && read:
		return fmt.Sprintf("somebody reads as of before %d rows were deleted", d.undead), nil
	case j.after != nil:
		return "", j.after(ctx)
	default:
		return "", nil
	}
}

// read reports whether somebody may still read what is to be cleared, or nobody can tell:
// who began before this was asked for, and holds back what was deleted since. Rows that
// were deleted later are in a table that is worked with at all times.
func (d *database) read(ctx context.Context) (held bool, err error) {
	err = d.conn.QueryRow(ctx, `select not pg_has_role(current_user, 'pg_read_all_stats', 'usage')
		or exists (select from pg_stat_activity, unnest(array[backend_xmin, backend_xid]) x where pid <> pg_backend_pid() and (datname = current_database() or datname is null) and age(x) > age($1::text::xid8::xid))
		or exists (select from pg_replication_slots, unnest(array[xmin, catalog_xmin]) x where age(x) > age($1::text::xid8::xid))
		or exists (select from pg_prepared_xacts where age(transaction) > age($1::text::xid8::xid))`, strconv.FormatInt(d.asked, 10)).Scan(&held)
	if err != nil {
		return false, fmt.Errorf("look who reads: %w", err)
	}
	return held, nil
}

// patiently runs what may take long and says nothing meanwhile, with signs of life.
func (r *run) patiently(ctx context.Context, statement func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- statement(ctx) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			r.beat(int64(r.done.Tables))
		}
	}
}

// forgetStatistics removes what the server remembers of values in columns. It has made
// those of tables that were rewritten anew. Left are those of partitioned tables as a
// whole, those of empty tables, and the old ones themselves, which are rows as well.
//
// It is done although no table was rewritten: a clean-up before this one may have ended
// between the two.
func (d *database) forgetStatistics(ctx context.Context) error {
	parents, err := d.names(ctx, `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'p' and c.reltuples >= 0 order by 1`)
	if err != nil {
		return err
	}
	var jobs []job
	for _, parent := range parents {
		jobs = append(jobs, job{statement: "analyze " + parent, table: parent})
	}
	if err := d.insist(ctx, jobs); err != nil {
		return err
	}
	if err := d.clearEmpty(ctx); err != nil {
		return err
	}
	// The old ones were deleted just now, so who has begun to read since the tables were
	// asked for holds them back as well.
	if err := d.ask(ctx); err != nil {
		return err
	}
	return d.insist(ctx, []job{
		{statement: "vacuum (full, verbose) pg_catalog.pg_statistic", table: "pg_statistic"},
		{statement: "vacuum (full, verbose) pg_catalog.pg_statistic_ext_data", table: "pg_statistic"},
	})
}

// clearEmpty drops the statistics of empty tables, which ANALYZE leaves as they are.
func (d *database) clearEmpty(ctx context.Context) error {
	empty, err := d.names(ctx, `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'm') and c.reltuples = 0 and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1`)
	if err != nil || len(empty) == 0 {
		return err
	}
	_, err = d.conn.Exec(ctx, d.clearing(), empty)
	if is(err, mayNot) || is(err, noFunction) || is(err, noSchema) {
		d.denied("pg_statistic")
		return nil
	}
	if err != nil {
		return fmt.Errorf("forget the statistics of empty tables: %w", err)
	}
	return nil
}

// clearing drops the statistics of tables. The server has a function for it from
// PostgreSQL 18 on; before that deploy/local/internal/postgres/init/03_maintenance.sql
// makes one, as only a superuser can.
func (d *database) clearing() string {
	const tables = `(select coalesce(array_agg(t), '{}') from (select to_regclass(name) as t from unnest($1::text[]) as name) x where t is not null)`
	if d.version < 180000 {
		return "select maintenance.forget_statistics(" + tables + ")"
	}
	return `select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped,
		  (values (true), (false)) as i (inherited),
		  lateral pg_clear_attribute_stats(n.nspname::text, c.relname::text, a.attname::text, inherited)
		where c.oid = any(` + tables + `)`
}

func (d *database) names(ctx context.Context, query string) ([]string, error) {
	rows, err := d.conn.Query(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return names, nil
}

func is(err error, code string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == code
}
