package base

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"meai/activities/backup/repository"
)

// What a message of the backup's stream holds is told by its first byte
// (https://www.postgresql.org/docs/15/protocol-replication.html, BASE_BACKUP).
const (
	newArchive  = 'n' // its name and the path of its tablespace, each ended by a zero byte
	newManifest = 'm'
	someData    = 'd' // of the archive or manifest that was begun last
	someDone    = 'p' // how many bytes are done, of 8 bytes
)

const (
	closeWithin  = 5 * time.Second
	keptWarnings = 5
)

var errProtocol = errors.New("the server broke the protocol of base backups")

// stream is a server's backup as it is received.
type stream struct {
	conn     *pgconn.PgConn
	major    int
	warnings []string // the last that the server sent
	cluster  repository.Cluster

	total    int64
	progress func(done, total int64)

	next     string   // the part that was begun by the last message, if any
	ended    bool     // all parts were received
	awaited  []string // archives that have not come yet
	manifest bool     // that it came
}

// connect opens a connection for replication and asks whose it is.
func connect(ctx context.Context, url string) (*stream, error) {
	s := &stream{}
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["replication"] = "true"
	// A standby cannot end a segment of the log to have it archived. That this is asked
	// here makes up for target_session_attrs, whose question such a connection refuses.
	config.ValidateConnect = refuseStandby
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			s.warnings = append(s.warnings, n.Message)
			s.warnings = s.warnings[max(0, len(s.warnings)-keptWarnings):]
		}
	}
	if s.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		return nil, err
	}
	if err := s.identify(ctx); err != nil {
		s.close(ctx, true)
		return nil, err
	}
	return s, nil
}

func refuseStandby(_ context.Context, conn *pgconn.PgConn) error {
	if conn.ParameterStatus("in_hot_standby") == "on" {
		return errors.New("it is a standby, and backups are taken of the primary")
	}
	return nil
}

func (s *stream) identify(ctx context.Context) (err error) {
	s.cluster.Version, _, _ = strings.Cut(s.conn.ParameterStatus("server_version"), " ")
	if s.major, err = strconv.Atoi(leadingDigits.FindString(s.cluster.Version)); err != nil {
		return fmt.Errorf("the server's version %q: %w", s.cluster.Version, err)
	}
	if s.cluster.System, err = s.ask(ctx, "IDENTIFY_SYSTEM"); err != nil {
		return err
	}
	size, err := s.ask(ctx, "SHOW wal_segment_size")
	if err != nil {
		return err
	}
	s.cluster.SegmentSize, err = segmentSize(size)
	return err
}

var leadingDigits = regexp.MustCompile(`^\d+`)

// ask returns the first field of a command's answer.
func (s *stream) ask(ctx context.Context, command string) (string, error) {
	results, err := s.conn.Exec(ctx, command).ReadAll()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) == 0 {
		return "", fmt.Errorf("%s: %w: it answered nothing", command, errProtocol)
	}
	return string(results[0].Rows[0][0]), nil
}

// segmentSize reads a size such as "16MB", the only form in which it is shown: a power
// of two from 1 MB to 1 GB.
func segmentSize(shown string) (int64, error) {
	digits := leadingDigits.FindString(shown)
	n, err := strconv.ParseInt(digits, 10, 64)
	unit := map[string]int64{"MB": 1 << 20, "GB": 1 << 30}[shown[len(digits):]]
	if err != nil || unit == 0 {
		return 0, fmt.Errorf("%w: a segment of its log has a size of %q", errProtocol, shown)
	}
	return n * unit, nil
}

// begin sends the command and receives what comes before the parts.
func (s *stream) begin(ctx context.Context, command string) error {
	s.conn.Frontend().SendQuery(&pgproto3.Query{String: command})
	if err := s.conn.Frontend().Flush(); err != nil {
		return err
	}
	start, err := s.rows(ctx)
	if err != nil {
		return err
	}
	var timeline string
	if s.cluster.Start, timeline, err = position(start); err != nil {
		return err
	}
	number, err := strconv.ParseUint(timeline, 10, 32)
	if err != nil {
		return fmt.Errorf("%w: timeline %q", errProtocol, timeline)
	}
	s.cluster.Timeline = uint32(number)
	tablespaces, err := s.rows(ctx)
	if err != nil {
		return err
	}
	if err := s.expect(tablespaces); err != nil {
		return err
	}
	m, err := s.receive(ctx)
	if err != nil {
		return err
	}
	if _, ok := m.(*pgproto3.CopyOutResponse); !ok {
		return unexpected(m)
	}
	s.report(0)
	return nil
}

// position reads a result of one LSN with its timeline.
func position(rows [][]string) (lsn, timeline string, err error) {
	if len(rows) != 1 || len(rows[0]) != 2 {
		return "", "", fmt.Errorf("%w: it told no position in its log", errProtocol)
	}
	return rows[0][0], rows[0][1], nil
}

// expect reads the list of tablespaces: oid, path and size in KiB, of which the first
// two are empty for the cluster's own folder.
func (s *stream) expect(tablespaces [][]string) error {
	for _, row := range tablespaces {
		if len(row) != 3 {
			return fmt.Errorf("%w: a tablespace of %d fields", errProtocol, len(row))
		}
		size, err := strconv.ParseInt(row[2], 10, 64)
		if err != nil {
			return fmt.Errorf("%w: a tablespace's size is %q", errProtocol, row[2])
		}
		s.total += size << 10
		s.cluster.Bytes = s.total
		if row[0] == "" {
			s.awaited = append(s.awaited, clusterArchive)
			continue
		}
		if s.cluster.Tablespaces == nil {
			s.cluster.Tablespaces = map[string]string{}
		}
		s.cluster.Tablespaces[row[0]] = row[1]
		s.awaited = append(s.awaited, tablespaceArchive(row[0]))
	}
	return nil
}

func tablespaceArchive(oid string) string { return oid + ".tar.zst" }

// rows receives one result.
func (s *stream) rows(ctx context.Context) ([][]string, error) {
	var rows [][]string
	for {
		m, err := s.receive(ctx)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.RowDescription:
		case *pgproto3.DataRow:
			row := make([]string, len(m.Values))
			for i, value := range m.Values {
				row[i] = string(value)
			}
			rows = append(rows, row)
		case *pgproto3.CommandComplete:
			return rows, nil
		default:
			return nil, unexpected(m)
		}
	}
}

func unexpected(m pgproto3.BackendMessage) error { return fmt.Errorf("%w: it sent %T", errProtocol, m) }

// receive returns the next message that is not about something else; it is valid until
// the one after it.
func (s *stream) receive(ctx context.Context) (pgproto3.BackendMessage, error) {
	for {
		m, err := s.conn.ReceiveMessage(ctx)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		case *pgproto3.ErrorResponse:
			return nil, pgconn.ErrorResponseToPgError(m)
		default:
			return m, nil
		}
	}
}

// part begins the next part and returns its object's name in the backup, or "" when
// there are no more.
func (s *stream) part(ctx context.Context) (string, error) {
	if s.next == "" && !s.ended {
		if err := s.contents(ctx, nil); err != nil { // before the first there are none
			return "", err
		}
	}
	part := s.next
	s.next = ""
	return part, nil
}

// contents copies a part's contents to its end, which is the next one's beginning.
func (s *stream) contents(ctx context.Context, w io.Writer) error {
	for s.next == "" && !s.ended {
		m, err := s.receive(ctx)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.CopyData:
			err = s.chunk(m.Data, w)
		case *pgproto3.CopyDone:
			s.ended = true
		default:
			err = unexpected(m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) chunk(message []byte, w io.Writer) (err error) {
	if len(message) == 0 {
		return fmt.Errorf("%w: an empty message", errProtocol)
	}
	kind, rest := message[0], message[1:]
	switch {
	case kind == someData && w != nil:
		_, err = w.Write(rest)
	case kind == someDone && len(rest) == 8:
		s.report(int64(binary.BigEndian.Uint64(rest)))
	case kind == newArchive:
		name, _, _ := bytes.Cut(rest, []byte{0})
		return s.beginArchive(string(name))
	case kind == newManifest:
		s.next, s.manifest = manifestPart, true
	default:
		err = fmt.Errorf("%w: a message %q of %d bytes", errProtocol, kind, len(message))
	}
	return err
}

func (s *stream) beginArchive(name string) error {
	for i, awaited := range s.awaited {
		if awaited == name {
			s.awaited = append(s.awaited[:i], s.awaited[i+1:]...)
			s.next = name
			return nil
		}
	}
	return fmt.Errorf("%w: an archive %q that it did not announce", errProtocol, name)
}

// report tells of progress. The server estimates the total before it begins.
func (s *stream) report(done int64) {
	if s.progress != nil {
		s.progress(done, max(done, s.total))
	}
}

// finish receives what comes after the parts. Only then is the backup one: an error that
// the server found, such as pages whose checksums are wrong, comes last.
func (s *stream) finish(ctx context.Context) error {
	if len(s.awaited) > 0 || !s.manifest {
		return fmt.Errorf("%w: it left out parts (%v, manifest: %t)", errProtocol, s.awaited, s.manifest)
	}
	end, err := s.rows(ctx)
	if err != nil {
		return err
	}
	if s.cluster.End, _, err = position(end); err != nil {
		return err
	}
	for {
		m, err := s.receive(ctx)
		if err != nil {
			return err
		}
		switch m.(type) {
		case *pgproto3.CommandComplete:
		case *pgproto3.ReadyForQuery:
			return nil
		default:
			return unexpected(m)
		}
	}
}

// explain adds to an error what the server last warned of: which pages are damaged, or
// that it waits for a segment to be archived.
func (s *stream) explain(err error) error {
	if len(s.warnings) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(s.warnings, "; "))
}

// close ends the connection. A backup that failed is ended as well: a server that waits
// for something else would not see that nobody listens any more.
func (s *stream) close(ctx context.Context, failed bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if failed {
		_ = s.conn.CancelRequest(ctx) // the server may be gone
	}
	_ = s.conn.Close(ctx) // it closes the connection whatever it answers
}
