package region

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meai/internal/objects"
	"meai/internal/pgserver"
)

// beyond is what a cluster's log has behind the fork.
type beyond struct {
	records int
	commits []string // ids of the transactions, sub-transactions among them
	end     string   // the last record
}

// recordForm is a line of pg_waldump's; the rest of a commit's may list sub-transactions.
var (
	recordForm = regexp.MustCompile(`^rmgr: (\w+) .* tx: +(\d+), lsn: ([0-9A-F/]+),.* desc: (\w+)(.*)$`)
	subForm    = regexp.MustCompile(`subxacts:((?: \d+)+)`)
)

// readBeyond reads the stopped cluster's log behind the fork. A log that ends before has
// nothing there; one that could not be looked at is another thing.
func (c *cluster) readBeyond(ctx context.Context, f fork) (b beyond, err error) {
	if f.at == 0 {
		return b, nil
	}
	read, write := io.Pipe()
	dumped := make(chan error, 1)
	go func() {
		// It ends with an error at the end of the log, always.
		err := c.tool(ctx, c.data(), write, "pg_waldump", "-p", c.data()+"/pg_wal",
			"-t", strconv.FormatUint(uint64(f.timeline), 10), "-s", f.at.String())
		_ = write.Close()
		dumped <- err
	}()
	lines := bufio.NewScanner(read)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		b.add(lines.Text())
	}
	_ = read.CloseWithError(errors.New("read to the end"))
	err = <-dumped
	if err != nil && !errors.Is(refused(ctx, err), errUnreadable) {
		return b, errors.Join(err, lines.Err(), ctx.Err())
	}
	if err != nil && b.records == 0 {
		c.Logger.Info("nothing was read of the log behind the fork", "error", err)
	}
	return b, errors.Join(lines.Err(), ctx.Err())
}

func (b *beyond) add(line string) {
	match := recordForm.FindStringSubmatch(line)
	if match == nil {
		return
	}
	b.records++
	b.end = match[3]
	if match[1] != "Transaction" || match[4] != "COMMIT" {
		return
	}
	if match[2] != "0" {
		b.commits = append(b.commits, match[2])
	}
	if subs := subForm.FindStringSubmatch(match[5]); subs != nil {
		b.commits = append(b.commits, strings.Fields(subs[1])...)
	}
}

// export writes every row that the commits behind the fork have left in the product's
// database, one in a line of JSON, into a private file, and names it. What is sealed in
// the database is sealed in the file. Rows that they deleted are not there; the first line
// says how many commits there were.
func (c *cluster) export(ctx context.Context, f fork, b beyond) (path string, err error) {
	path = c.path("diverged/" + fmt.Sprintf("timeline-%d-%s.jsonl", f.timeline, strings.ReplaceAll(f.at.String(), "/", "-")))
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("make the file of what is here alone: %w", err)
	}
	err = c.exportTo(ctx, file, f, b)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = objects.Sync(c.path("diverged"))
	}
	if err != nil {
		return "", fmt.Errorf("export what is here alone: %w", err)
	}
	return path, nil
}

// exportTo needs a server that nobody else reaches: it recovers from the crash, and shows
// the rows. It fails with errUnreadable when none starts or gets so far, or a page of the
// rows is corrupt.
func (c *cluster) exportTo(ctx context.Context, w io.Writer, f fork, b beyond) (err error) {
	// A standby would wait for more, and a clone comes in its place in any case.
	if err := os.Remove(filepath.Join(c.data(), standbySignal)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("have the cluster come to its end: %w", err)
	}
	s, err := c.recoverAlone(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	conn, err := pgx.Connect(ctx, s.URL(c.own.user, c.Database))
	if err != nil {
		return notRead(ctx, s, nil, err)
	}
	defer hangUp(conn)
	out := json.NewEncoder(w)
	err = out.Encode(map[string]any{
		"region": c.Region, "timeline": f.timeline, "fork": f.at, "end": b.end, "records": b.records, "commits": len(b.commits),
	})
	if err != nil {
		return err
	}
	tables, err := rowsOf[string](ctx, conn, `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' order by 1`)
	if err != nil {
		return notRead(ctx, s, conn, fmt.Errorf("list the tables: %w", err))
	}
	for _, table := range tables {
		if err := exportTable(ctx, conn, out, table, b.commits); err != nil {
			return notRead(ctx, s, conn, fmt.Errorf("read %s: %w", table, err))
		}
	}
	return nil
}

// recoverAlone starts a server that nobody else reaches, and returns once it has recovered.
func (c *cluster) recoverAlone(ctx context.Context) (*pgserver.Server, error) {
	ctx, cancel := context.WithTimeout(ctx, c.recoverWithin)
	defer cancel()
	s, err := c.launchAlone(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.AwaitRecovery(ctx); err != nil {
		s.Kill()
		return nil, notRecovered(ctx, err)
	}
	return s, nil
}

func exportTable(ctx context.Context, conn *pgx.Conn, out *json.Encoder, table string, commits []string) error {
	rows, err := conn.Query(ctx, "select t.xmin::text, to_jsonb(t)::text from only "+table+" t where t.xmin = any ($1::text[]::xid[])", commits)
	if err != nil {
		return err
	}
	var transaction, row string
	_, err = pgx.ForEachRow(rows, []any{&transaction, &row}, func() error {
		return out.Encode(map[string]any{"table": table, "transaction": transaction, "row": json.RawMessage(row)})
	})
	return err
}

func rowsOf[T any](ctx context.Context, conn *pgx.Conn, sql string) ([]T, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// divergedFor is how long what was here alone is kept: as long as backups are, in which an
// erased person's rows lie on as well, unreadable.
const divergedFor = 30 * 24 * time.Hour

// gonePrefix begins the names of what is being removed.
const gonePrefix = ".gone-"

// condemn gives what was set aside and whose time is over the name of what is removed.
// Removing a folder makes it younger: whoever is killed in it would begin its time anew.
func condemn(dir string, now time.Time) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for what was kept: %w", err)
	}
	var failed []error
	for _, file := range files {
		if !file.IsDir() || strings.HasPrefix(file.Name(), gonePrefix) {
			continue
		}
		info, err := file.Info()
		if err == nil && now.Sub(info.ModTime()) > divergedFor {
			err = os.Rename(filepath.Join(dir, file.Name()), filepath.Join(dir, gonePrefix+file.Name()))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(append(failed, objects.Sync(dir))...)
}

// tidy removes files of what was here alone, and clusters that were set aside, whose time is
// over.
func tidy(dir string, now time.Time) error {
	failed := []error{condemn(dir, now)}
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for what was kept: %w", err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err == nil && (now.Sub(info.ModTime()) > divergedFor || strings.HasPrefix(file.Name(), gonePrefix)) {
			err = os.RemoveAll(filepath.Join(dir, file.Name()))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
