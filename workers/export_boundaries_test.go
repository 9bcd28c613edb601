package workers

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"

	"meai/activities/memory"
	"meai/activities/privacy/export"
	"meai/activities/synthesis"
	"meai/internal/audit"
	"meai/internal/cluster"
	"meai/internal/codec"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/objects"
	"meai/internal/postgres"
	"meai/internal/vectors"
	"meai/workflows"
)

// exportsOf are the activities of exports in a worker that may die at any line that
// touches the bucket.
func exportsOf(ctx context.Context, o orders, db *postgres.DB, keys *keyring.Keyring, k *killer) (*export.Activities, error) {
	store, err := objects.OpenErasable(ctx, "file://"+o.Exports+"?create_dir=true")
	if err != nil {
		return nil, err
	}
	return &export.Activities{Exports: &export.Exports{
		Store: &deadlyBucket{store, k}, DB: db, Keyring: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys}), Lifetime: o.Lifetime, Version: "test",
	}}, nil
}

// deadlyBucket kills the worker at the lines around what its story does to the bucket.
type deadlyBucket struct {
	objects.Erasable
	killer *killer
}

// at is a place in the story that the object's name tells.
func (d *deadlyBucket) at(name, place string) {
	story := d.killer.orders.Workflow
	if id := story[strings.LastIndex(story, "/")+1:]; id != "" && strings.Contains(name, id) {
		d.killer.pass(story, place)
	}
}

func (d *deadlyBucket) Write(ctx context.Context, name string, fill func(io.Writer) error) error {
	err := d.Erasable.Write(ctx, name, func(w io.Writer) error {
		if _, err := w.Write(nil); err != nil {
			return err
		}
		d.at(name, "begun")
		if err := fill(&deadlyWriter{w, d, name, 0}); err != nil {
			return err
		}
		d.at(name, "whole")
		return nil
	})
	d.at(name, "named")
	return err
}

// deadlyWriter kills the worker when half a file is on disk.
type deadlyWriter struct {
	io.Writer
	bucket  *deadlyBucket
	name    string
	written int
}

func (d *deadlyWriter) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	if d.written += n; d.written > 4<<10 {
		d.bucket.at(d.name, "half")
	}
	return n, err
}

func (d *deadlyBucket) Read(ctx context.Context, name string) ([]byte, error) {
	content, err := d.Erasable.Read(ctx, name)
	d.at(name, "read")
	return content, err
}

func (d *deadlyBucket) Remove(ctx context.Context, name string) error {
	d.at(name, "before removing")
	err := d.Erasable.Remove(ctx, name)
	d.at(name, "after removing")
	return err
}

// Init lets the killer see heartbeats.
func (k *killerInbound) Init(out interceptor.ActivityOutboundInterceptor) error {
	return k.Next.Init(&killerOutbound{ActivityOutboundInterceptorBase: interceptor.ActivityOutboundInterceptorBase{Next: out}, killer: k.killer})
}

type killerOutbound struct {
	interceptor.ActivityOutboundInterceptorBase
	killer *killer
}

// RecordHeartbeat is called in the middle of what is one transaction.
func (k *killerOutbound) RecordHeartbeat(ctx context.Context, details ...any) {
	info := activity.GetInfo(ctx)
	if len(details) > 0 && details[0] != int64(0) {
		k.killer.pass(info.WorkflowExecution.ID, "amid "+info.ActivityType.Name)
	}
	k.Next.RecordHeartbeat(ctx, details...)
}

// newExportSite is the engines without workers.
func newExportSite(t *testing.T) (*site, *export.Exports, orders) {
	t.Helper()
	db, urls := enginetest.Database(t)
	s := &site{db: db, urls: urls, dir: t.TempDir(), namespace: "exports-test"}
	s.keys = s.openKeyring(t)
	cfg := enginetest.Config(t)
	s.ensureNamespace(t, cfg.Temporal.Address)
	dc := codec.DataConverter(s.keys)
	var err error
	s.temporal, err = client.Dial(client.Options{
		HostPort: cfg.Temporal.Address, Namespace: s.namespace, Logger: enginetest.Logger(t), DataConverter: dc, FailureConverter: codec.FailureConverter(dc),
	})
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	s.starter = &workflows.Starter{Client: s.temporal, Active: db.CheckActive}
	declared := declaration(t)
	declared.Schedules = nil
	_, err = cluster.Applier{Client: s.temporal, Namespace: s.namespace, Declared: declared}.Apply(t.Context())
	require.NoError(t, err)
	o := orders{
		Temporal: cfg.Temporal.Address, Namespace: s.namespace, Postgres: urls.App, Weaviate: cfg.Weaviate.URL, APIKey: cfg.Weaviate.APIKey,
		Keyring: s.dir, Exports: filepath.Join(s.dir, "exports"), Lifetime: time.Hour,
	}
	store, err := objects.OpenErasable(t.Context(), "file://"+o.Exports+"?create_dir=true")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return s, &export.Exports{Store: store, DB: db, Keyring: s.keys, Audit: audit.New(audit.Options{DB: db, Keys: s.keys}), Lifetime: time.Hour}, o
}

// teller is somebody with a session and some memories.
func (s *site) teller(t *testing.T) uuid.UUID {
	t.Helper()
	subject := uuid.New()
	_, err := synthesis.NewStore(s.db, s.keys).CreateSession(t.Context(), subject, "a phone", time.Hour)
	require.NoError(t, err)
	for range 20 {
		_, _, _, err = memory.NewStore(s.db, s.keys).Accept(t.Context(), memory.Offer{
			Subject: subject, IdempotencyKey: uuid.NewString(), Content: memory.Content{Text: "I planted tulips " + uuid.NewString()}, SaidAt: time.Now(),
		})
		require.NoError(t, err)
	}
	return subject
}

// begins asks for an export and starts its story.
func (s *site) begins(t *testing.T, x *export.Exports, key *age.X25519Identity) export.WriteInput {
	t.Helper()
	_, in, err := x.Request(t.Context(), export.Asked{Subject: s.teller(t), IdempotencyKey: "1", Lock: export.Lock{Recipient: key.Recipient().String()}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // new search attributes take a moment
		return s.starter.StartExport(t.Context(), in) == nil
	}, time.Minute, 200*time.Millisecond)
	return in
}

// dies has a worker die at a place of a story.
func (o orders) dies(t *testing.T, workflow, place string) {
	t.Helper()
	o.Workflow, o.At = workflow, place
	dying := o.launch(t)
	require.Error(t, dying.Wait(), "it is killed %s", place)
	require.Equal(t, syscall.SIGKILL, dying.ProcessState.Sys().(syscall.WaitStatus).Signal(), place)
}

// lives has a worker serve until the test ends.
func (o orders) lives(t *testing.T) {
	t.Helper()
	cmd := o.launch(t)
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

func (o orders) launch(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dyingWorker+"="+o.encode(t))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	return cmd
}

// lying are the files in the folder of exports that belong to a person, hidden ones too.
func (o orders) lying(t *testing.T, x *export.Exports, subject uuid.UUID) (names []string) {
	t.Helper()
	folders, err := x.Folders(t.Context(), subject)
	require.NoError(t, err)
	for _, folder := range folders {
		entries, err := os.ReadDir(filepath.Join(o.Exports, folder))
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestAKillAtAnyLineOfAnExportLeavesOneWholeFile kills the worker at every line of the
// writing that touches bucket or database.
func TestAKillAtAnyLineOfAnExportLeavesOneWholeFile(t *testing.T) {
	s, x, o := newExportSite(t)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	began := map[string]export.WriteInput{}
	for _, place := range []string{"before export.Write", "before removing", "after removing", "begun", "half", "whole", "named", "after export.Write"} {
		in := s.begins(t, x, key)
		began[place] = in
		o.dies(t, "person/"+in.Subject.String()+"/export/"+in.Export.String(), place)
	}
	o.lives(t)
	for place, in := range began {
		var e export.Export
		require.Eventually(t, func() bool {
			e, err = x.Get(t.Context(), in.Subject, in.Export)
			require.NoError(t, err)
			return e.State == export.Ready
		}, 3*time.Minute, 100*time.Millisecond, "lost %s", place)
		require.Equal(t, []string{in.Export.String() + ".age"}, o.lying(t, x, in.Subject), place)
		_, r, err := x.Fetch(t.Context(), in.Subject, in.Export)
		require.NoError(t, err)
		file, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.EqualValues(t, e.Size, len(file), place)
		content, size, err := age.DecryptReaderAt(bytes.NewReader(file), int64(len(file)), key)
		require.NoError(t, err, place)
		signed, err := x.Key(t.Context())
		require.NoError(t, err)
		archive, err := export.Open(content, size, &signed.Public)
		require.NoError(t, err, place)
		require.NoError(t, archive.Check(t.Context(), nil), place)
		require.EqualValues(t, 21+1, archive.Manifest.Rows(), "%s: a session, 20 memories on their way, and the export itself", place)
	}
}

// TestAKillAtAnyLineOfAnExportsEndLeavesNothing kills the worker while it removes what
// has expired.
func TestAKillAtAnyLineOfAnExportsEndLeavesNothing(t *testing.T) {
	s, x, o := newExportSite(t)
	o.Lifetime = time.Second
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	began := map[string]export.WriteInput{}
	for _, place := range []string{"before export.Expire", "after export.Expire"} {
		in := s.begins(t, x, key)
		began[place] = in
		o.dies(t, "person/"+in.Subject.String()+"/export/"+in.Export.String(), place)
	}
	o.lives(t)
	for place, in := range began {
		require.Eventually(t, func() bool {
			e, err := x.Get(t.Context(), in.Subject, in.Export)
			require.NoError(t, err)
			return e.State == export.Expired && len(o.lying(t, x, in.Subject)) == 0
		}, 3*time.Minute, 100*time.Millisecond, "lost %s", place)
	}
}

// TestAKillAtAnyLineOfAnImportFillsTheAccountOnce kills the worker at every line of an
// import, and in the middle of its one transaction.
func TestAKillAtAnyLineOfAnImportFillsTheAccountOnce(t *testing.T) {
	s, x, o := newExportSite(t)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	_, in, err := x.Request(t.Context(), export.Asked{Subject: s.teller(t), IdempotencyKey: "1", Lock: export.Lock{Recipient: key.Recipient().String()}})
	require.NoError(t, err)
	_, err = x.Write(t.Context(), in, nil)
	require.NoError(t, err)
	_, r, err := x.Fetch(t.Context(), in.Subject, in.Export)
	require.NoError(t, err)
	file, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	index := s.weaviate(t)
	began := map[string]export.Ref{}
	for _, place := range []string{
		"before export.Await", "after export.Await", "before export.Fill", "read", "amid export.Fill", "after export.Fill",
		"before memory.Repair", "after memory.Repair", "before export.Conclude", "before removing", "after removing", "after export.Conclude",
	} {
		subject := uuid.New()
		t.Cleanup(func() { require.NoError(t, index.DeleteTenant(context.Background(), subject)) })
		i, _, err := x.BeginImport(t.Context(), subject, "1")
		require.NoError(t, err)
		ref := export.Ref{Subject: subject, ID: i.ID}
		began[place] = ref
		_, err = x.Receive(t.Context(), subject, i.ID, export.Secret{Identity: key.String()}, bytes.NewReader(file))
		require.NoError(t, err)
		require.Eventually(t, func() bool { return s.starter.StartImportExport(t.Context(), ref) == nil }, time.Minute, 200*time.Millisecond)
		o.dies(t, "person/"+subject.String()+"/export-import/"+i.ID.String(), place)
	}
	o.lives(t)
	for place, ref := range began {
		require.Eventually(t, func() bool {
			i, err := x.Import(t.Context(), ref.Subject, ref.ID)
			require.NoError(t, err)
			return i.Over()
		}, 5*time.Minute, 100*time.Millisecond, "lost %s", place)
		i, err := x.Import(t.Context(), ref.Subject, ref.ID)
		require.NoError(t, err)
		require.Equal(t, export.Done, i.State, "%s: %s", place, i.Failure)
		writes, err := memory.NewStore(s.db, s.keys).Writes(t.Context(), ref.Subject, "", memory.Write{}, 100)
		require.NoError(t, err)
		require.Len(t, writes, 20, place)
		require.Empty(t, o.lying(t, x, ref.Subject), place)
	}
}

// weaviate opens the index.
func (s *site) weaviate(t *testing.T) *vectors.Index {
	t.Helper()
	w := enginetest.Config(t).Weaviate
	index, err := vectors.Open(t.Context(), vectors.Options{URL: w.URL, APIKey: w.APIKey, Timeout: 10 * time.Second, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	t.Cleanup(index.Close)
	require.NoError(t, index.EnsureClass(t.Context()))
	return index
}
