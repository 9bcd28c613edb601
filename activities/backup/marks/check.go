package marks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"meai/internal/pgserver"
)

// Restored is a server that was restored and serves nobody: it is checked as its
// superuser, and gets the extension amcheck.
type Restored struct {
	Binaries pgserver.Binaries
	Account  pgserver.Account
	// URL connects to one of its databases as a superuser, without a password.
	URL func(database string) string
	// Product and Temporal are the names of the databases that are looked into.
	Product, Temporal string
	// MayLack are those of the two, and of their tables, that need not be there.
	MayLack bool
	// Histories is how many of the newest workflows are read, one hundred for 0.
	Histories int
}

// absent stands for the numbers of what is not there.
const absent = "absent"

// Check says whether a restored server is whole: PostgreSQL's own check of every table
// and index of all databases, the references of the memory graph, and the histories of
// the newest workflows. found are numbers by name; problems are sentences that name
// tables, indexes and runs, and hold nothing of a person's. The error is for what could
// not be looked at.
func Check(ctx context.Context, r Restored) (found map[string]string, problems []string, err error) {
	found = map[string]string{}
	for _, check := range []func(context.Context, Restored, map[string]string) ([]string, error){amcheck, graph, histories} {
		named, err := check(ctx, r, found)
		problems = append(problems, named...)
		if err != nil {
			return found, problems, err
		}
	}
	return found, problems, nil
}

// amcheck runs pg_amcheck on all databases: every heap and every B-tree, and that each
// row of a table is in its indexes.
func amcheck(ctx context.Context, r Restored, found map[string]string) ([]string, error) {
	cfg, err := pgx.ParseConfig(r.URL(r.Product))
	if err != nil {
		return nil, fmt.Errorf("parse the restored server's URL: %w", err)
	}
	cmd := r.Binaries.Command(ctx, r.Account, "pg_amcheck", "--all", "--install-missing", "--heapallindexed")
	cmd.Env = append(cmd.Env, "PGHOST="+cfg.Host, "PGPORT="+strconv.Itoa(int(cfg.Port)), "PGUSER="+cfg.User)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	problems := corruptions(out.String())
	found["corruptions"] = strconv.Itoa(len(problems))
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() == corrupt && len(problems) > 0 {
		err = nil
	}
	if err != nil {
		return problems, fmt.Errorf("pg_amcheck: %w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return bounded(problems), nil
}

// corrupt is how pg_amcheck ends when it has found something.
const corrupt = 2

// corruptions reads what pg_amcheck prints: the name of a relation, and indented what is
// wrong with it, which quotes no contents. The first line says it, the rest explains.
func corruptions(out string) (problems []string) {
	relation := ""
	for line := range strings.Lines(out) {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
		case !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t"):
			relation = strings.TrimSuffix(text, ":")
		case relation != "":
			problems = append(problems, relation+": "+strings.TrimSpace(strings.TrimPrefix(text, "ERROR:")))
			relation = ""
		}
	}
	return problems
}

// shown bounds what a report names.
const shown = 50

func bounded(problems []string) []string {
	if len(problems) <= shown {
		return problems
	}
	return append(problems[:shown:shown], fmt.Sprintf("and %d more", len(problems)-shown))
}

// references are the rows of one table that name a row of another, both of one person.
type references struct{ table, column, to string }

// graphReferences have constraints, which say nothing of rows that a restore lost.
var graphReferences = []references{
	{"memory_edges", "from_id", "memory_nodes"},
	{"memory_edges", "to_id", "memory_nodes"},
	{"memory_evidence", "edge_id", "memory_edges"},
	{"memory_evidence", "turn_id", "memory_nodes"},
}

var graphTables = []string{"memory_nodes", "memory_edges", "memory_evidence"}

// graph looks for the other end of every edge, and what every piece of evidence is about.
func graph(ctx context.Context, r Restored, found map[string]string) (problems []string, err error) {
	for _, table := range graphTables {
		found[table] = absent
	}
	tx, there, err := open(ctx, r, r.Product, graphTables...)
	if err != nil || !there {
		return lacking(r, "the memory graph", err)
	}
	defer func() { err = errors.Join(err, tx.Conn().Close(ctx)) }()
	for _, table := range graphTables {
		var rows int64
		if err := tx.QueryRow(ctx, "select count(*) from "+table).Scan(&rows); err != nil {
			return problems, fmt.Errorf("count the rows of %s: %w", table, err)
		}
		found[table] = strconv.FormatInt(rows, 10)
	}
	for _, ref := range graphReferences {
		var dangling int64
		err := tx.QueryRow(ctx, fmt.Sprintf("select count(*) from %s r where not exists (select from %s t where t.subject_id = r.subject_id and t.id = r.%s)",
			ref.table, ref.to, ref.column)).Scan(&dangling)
		if err != nil {
			return problems, fmt.Errorf("follow %s of %s: %w", ref.column, ref.table, err)
		}
		if dangling > 0 {
			problems = append(problems, fmt.Sprintf("table %s: %d rows whose %s is not in %s", ref.table, dangling, ref.column, ref.to))
		}
	}
	return problems, nil
}

// lacking is the problem of something that is not there, where that is one.
func lacking(r Restored, what string, err error) ([]string, error) {
	if err != nil || r.MayLack {
		return nil, err
	}
	return []string{what + ": its tables are not there"}, nil
}

// invalidCatalogName is PostgreSQL's code for a database that does not exist.
const invalidCatalogName = "3D000"

// open reads one state of a database; false when it or one of its tables is not there.
// Who closes the transaction's connection ends it.
func open(ctx context.Context, r Restored, database string, tables ...string) (pgx.Tx, bool, error) {
	conn, err := connect(ctx, r.URL(database))
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == invalidCatalogName {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	tx, err := conn.BeginTx(ctx, reading)
	there := false
	if err == nil {
		err = tx.QueryRow(ctx, "select bool_and(to_regclass('public.' || name) is not null) from unnest($1::text[]) name", tables).Scan(&there)
	}
	if err != nil || !there {
		return nil, false, errors.Join(err, conn.Close(ctx))
	}
	return tx, true, nil
}
