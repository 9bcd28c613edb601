package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/backup"
	"meai/activities/backup/catalogue"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/api"
	"meai/internal/failure"
	"meai/workflows"
)

// backupList is a catalogue in memory, newest first.
type backupList struct{ all []catalogue.Backup }

func (l *backupList) Get(_ context.Context, id string) (catalogue.Backup, error) {
	for _, b := range l.all {
		if b.ID == id {
			return b, nil
		}
	}
	return catalogue.Backup{}, failure.New(failure.NotFound, "no such backup", nil)
}

func (l *backupList) List(_ context.Context, before string, limit int32) ([]catalogue.Backup, error) {
	page := slices.DeleteFunc(slices.Clone(l.all), func(b catalogue.Backup) bool { return before != "" && b.ID >= before })
	return page[:min(len(page), int(limit))], nil
}

// backupEngine stands for Temporal as runs of backups see it: one run for an id.
type backupEngine struct {
	lock    sync.Mutex
	runs    map[uuid.UUID]workflows.BackupRun
	digests map[uuid.UUID]string
	inputs  []any
	list    *backupList // where holds are written
	broken  error
}

func (e *backupEngine) run(kind string, id uuid.UUID, digest, about string, in any) error {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.broken != nil {
		return e.broken
	}
	if before, ok := e.digests[id]; ok {
		if before != digest {
			return failure.New(failure.IdempotencyConflict, "the key was used for another request", nil)
		}
		return nil
	}
	if e.runs == nil {
		e.runs, e.digests = map[uuid.UUID]workflows.BackupRun{}, map[uuid.UUID]string{}
	}
	e.runs[id], e.digests[id] = workflows.BackupRun{ID: id, Kind: kind, State: "running", Backup: about}, digest
	e.inputs = append(e.inputs, in)
	return nil
}

func (e *backupEngine) StartBackup(_ context.Context, id uuid.UUID, digest string, in workflows.BackupInput) error {
	return e.run("backup", id, digest, "", in)
}

func (e *backupEngine) StartProof(_ context.Context, id uuid.UUID, digest string, in backup.ProveInput) error {
	return e.run("proof", id, digest, in.Backup, in)
}

func (e *backupEngine) StartRestore(_ context.Context, id uuid.UUID, digest string, in workflows.RestoreInput) error {
	return e.run("restore", id, digest, in.Target.Backup, in)
}

func (e *backupEngine) HoldBackup(_ context.Context, id string, held bool) error {
	for i := range e.list.all {
		if e.list.all[i].ID == id {
			e.list.all[i].Held = held
		}
	}
	return e.broken
}

func (e *backupEngine) BackupRun(_ context.Context, id uuid.UUID) (workflows.BackupRun, error) {
	e.lock.Lock()
	defer e.lock.Unlock()
	run, ok := e.runs[id]
	if !ok {
		return run, failure.New(failure.NotFound, "there is no such run", nil)
	}
	return run, nil
}

// become changes what a run shows of itself.
func (e *backupEngine) become(id uuid.UUID, change func(*workflows.BackupRun)) {
	e.lock.Lock()
	defer e.lock.Unlock()
	run := e.runs[id]
	change(&run)
	e.runs[id] = run
}

const (
	olderBackup = "20261126T012000Z-postgres-0f3a9c1e"
	newerBackup = "20261127T012000Z-postgres-1f3a9c1e"
	otherBackup = "20261127T042000Z-weaviate-2f3a9c1e"
)

// keeper is an operator of a site with three backups.
func keeper(t *testing.T) *person {
	t.Helper()
	s := newSite(t)
	night := time.Date(2026, 11, 27, 1, 20, 0, 0, time.UTC)
	s.backups.all = []catalogue.Backup{
		{ID: otherBackup, Kind: repository.Weaviate, State: repository.Taken, StartedAt: night.Add(3 * time.Hour), EndedAt: night.Add(4 * time.Hour), Bytes: 5, Objects: 1},
		{ID: newerBackup, Kind: repository.Postgres, State: repository.Failed, StartedAt: night, EndedAt: night.Add(time.Minute), Bytes: 1 << 40, Objects: 3, Problems: 2, VerifiedAt: night.Add(time.Hour)},
		{
			ID: olderBackup, Kind: repository.Postgres, State: repository.Proven, StartedAt: night.Add(-24 * time.Hour), EndedAt: night.Add(-23 * time.Hour),
			Bytes: 7, Objects: 2, Held: true, ProvenAt: night, Seconds: map[string]float64{"replay": 1.5},
		},
	}
	s.engine.list = s.backups
	return s.operator()
}

// starts sends a request that begins something and returns the run.
func starts(t *testing.T, p *person, c call) api.BackupRun {
	t.Helper()
	w := p.do(t, c)
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	run := decode[api.BackupRun](t, w)
	require.Equal(t, "/v1/backup-runs/"+run.Id.String(), w.Header().Get("Location"))
	require.Equal(t, "http://127.0.0.1:8233/namespaces/meai/workflows/backup-run/"+run.Id.String(), run.WorkflowUrl)
	return run
}

func TestBackupsAreListedAndRead(t *testing.T) {
	p := keeper(t)
	first := decode[api.BackupPage](t, p.do(t, get("/v1/backups?limit=2")))
	require.Len(t, first.Backups, 2)
	require.Equal(t, newerBackup, *first.NextCursor)
	rest := decode[api.BackupPage](t, p.do(t, get("/v1/backups?limit=2&cursor="+*first.NextCursor)))
	require.Len(t, rest.Backups, 1)
	require.Nil(t, rest.NextCursor)

	w := p.do(t, get("/v1/backups/"+olderBackup))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, rest.Backups[0], decode[api.Backup](t, w))
	require.JSONEq(t, `{"id":"`+olderBackup+`","kind":"postgres","state":"proven","held":true,"bytes":7,"objects":2,"problems":0,
		"started_at":"2026-11-26T01:20:00Z","ended_at":"2026-11-26T02:20:00Z","proven_at":"2026-11-27T01:20:00Z","seconds":{"replay":1.5}}`, w.Body.String())
	failed := decode[api.Backup](t, p.do(t, get("/v1/backups/"+newerBackup)))
	require.Equal(t, api.BackupStateFailed, failed.State)
	require.Equal(t, 2, failed.Problems)
}

func TestABackupIsTakenOncePerKey(t *testing.T) {
	p := keeper(t)
	take := post("/v1/backups", `{"kind":"weaviate","max_rate":4096,"unproven":true}`).with("Idempotency-Key", "k")
	run := starts(t, p, take)
	require.Equal(t, api.BackupRunKindBackup, run.Kind)
	require.Equal(t, api.BackupRunStateRunning, run.State)
	require.Equal(t, run, starts(t, p, take), "the same key and request: the same run")
	require.Equal(t, []any{workflows.BackupInput{Kind: repository.Weaviate, MaxRate: 4096, Unproven: true}}, p.engine.inputs)

	refused(t, p.do(t, post("/v1/backups", `{"kind":"postgres"}`).with("Idempotency-Key", "k")), http.StatusConflict, "idempotency_conflict")
	refused(t, p.do(t, post("/v1/backups/"+olderBackup+"/proofs", "").with("Idempotency-Key", "k")), http.StatusConflict, "idempotency_conflict")
	require.NotEqual(t, run.Id, starts(t, p.site.operator(), take).Id, "keys are each caller's own")
	require.NotEqual(t, run.Id, starts(t, p, post("/v1/backups", `{}`).with("Idempotency-Key", "k2")).Id)
	require.Equal(t, workflows.BackupInput{}, p.engine.inputs[2])
}

func TestABackupIsProvenAgain(t *testing.T) {
	p := keeper(t)
	run := starts(t, p, post("/v1/backups/"+newerBackup+"/proofs", "").with("Idempotency-Key", "k"))
	require.Equal(t, api.BackupRunKindProof, run.Kind)
	require.Equal(t, newerBackup, run.Backup)
	require.Equal(t, []any{backup.ProveInput{Backup: newerBackup}}, p.engine.inputs)
	refused(t, p.do(t, post("/v1/backups/"+olderBackup+"/proofs", "").with("Idempotency-Key", "k")), http.StatusConflict, "idempotency_conflict")
}

func TestABackupIsHeldAndReleased(t *testing.T) {
	p := keeper(t)
	for _, held := range []bool{true, false} {
		w := p.do(t, call{method: http.MethodPut, path: "/v1/backups/" + newerBackup + "/hold", body: fmt.Sprintf(`{"held":%t}`, held)})
		require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
		require.Equal(t, held, decode[api.Backup](t, w).Held)
	}
}

func TestARestoreIsAskedForInFull(t *testing.T) {
	p := keeper(t)
	approval := newID()
	body := func(more string) call {
		return post("/v1/restores", `{"backup":"`+olderBackup+`","approval":"`+approval.String()+`","into":"second-try"`+more+`}`)
	}
	run := starts(t, p, body(`,"to":"2026-11-27T05:00:00Z","index":true,"task_queue":"spare"`).with("Idempotency-Key", "k"))
	require.Equal(t, api.BackupRunKindRestore, run.Kind)
	starts(t, p, body(`,"lsn":"16/B374D848"`).with("Idempotency-Key", "k2"))
	require.Equal(t, []any{
		workflows.RestoreInput{
			Target:   restore.Target{Backup: olderBackup, Time: time.Date(2026, 11, 27, 5, 0, 0, 0, time.UTC), Index: true},
			Approval: approval, Into: "second-try", Queue: "spare",
		},
		workflows.RestoreInput{Target: restore.Target{Backup: olderBackup, LSN: "16/B374D848"}, Approval: approval, Into: "second-try"},
	}, p.engine.inputs)
	refused(t, p.do(t, body(`,"lsn":"16/B374D849"`).with("Idempotency-Key", "k2")), http.StatusConflict, "idempotency_conflict")
}

func TestARunShowsHowFarItIs(t *testing.T) {
	p := keeper(t)
	run := starts(t, p, post("/v1/backups", `{}`).with("Idempotency-Key", "k"))
	require.Zero(t, run.SecondsLeft)
	p.engine.become(run.Id, func(r *workflows.BackupRun) {
		r.Step, r.Backup = "taking", newerBackup
		r.Shown = backup.Progress{Done: 1 << 30, Total: 4 << 30, BegunAt: time.Now().Add(-time.Minute)}
	})
	at := "/v1/backup-runs/" + run.Id.String()
	shown := decode[api.BackupRun](t, p.do(t, get(at)))
	require.Equal(t, "taking", shown.Step)
	require.Equal(t, newerBackup, shown.Backup)
	require.Equal(t, []int64{1 << 30, 4 << 30}, []int64{shown.Done, shown.Total})
	require.InDelta(t, 180, shown.SecondsLeft, 2, "three more of what took a minute")

	p.engine.become(run.Id, func(r *workflows.BackupRun) {
		r.State, r.Step, r.Shown, r.Problem = "failed", "verifying", backup.Progress{}, "pg/base.tar.zst: is not what was written"
	})
	failed := decode[api.BackupRun](t, p.site.auditor().do(t, get(at)))
	require.Equal(t, api.BackupRunStateFailed, failed.State)
	require.Equal(t, "pg/base.tar.zst: is not what was written", failed.Problem)
	require.Equal(t, "verifying", failed.Step)
	require.Equal(t, newerBackup, failed.Backup)
	require.Zero(t, failed.SecondsLeft)
}

func TestBackupsThatAreNotThere(t *testing.T) {
	p := keeper(t)
	none := strings.Replace(olderBackup, "0f3a", "ffff", 1)
	for _, c := range []call{
		get("/v1/backups/" + none),
		post("/v1/backups/"+none+"/proofs", "").with("Idempotency-Key", "k"),
		{method: http.MethodPut, path: "/v1/backups/" + none + "/hold", body: `{"held":true}`},
		get("/v1/backup-runs/" + newID().String()),
	} {
		refused(t, p.do(t, c), http.StatusNotFound, "not_found")
	}
	require.Empty(t, p.engine.inputs)
}

func TestBackupsAreNotForEverybody(t *testing.T) {
	p := keeper(t)
	take := post("/v1/backups", `{}`).with("Idempotency-Key", "k")
	for _, who := range []*person{p.site.person(), p.site.auditor()} {
		refused(t, who.do(t, take), http.StatusForbidden, "forbidden")
	}
	refused(t, p.site.person().do(t, get("/v1/backups")), http.StatusForbidden, "forbidden")
	require.Equal(t, http.StatusOK, p.site.auditor().do(t, get("/v1/backups")).Code)
	require.Empty(t, p.engine.inputs)
}

func TestAnEngineThatIsAwayStartsNoBackup(t *testing.T) {
	p := keeper(t)
	p.engine.broken = errDown
	refused(t, p.do(t, post("/v1/backups", `{}`).with("Idempotency-Key", "k")), http.StatusServiceUnavailable, "unavailable")
}

func TestRequestsOfBackupsThatAreRefusedWithAPointer(t *testing.T) {
	p := keeper(t)
	restored := func(change ...string) call {
		body := strings.NewReplacer(change...).Replace(`{"backup":"` + olderBackup + `","approval":"` + newID().String() + `","into":"new","lsn":"0/1"}`)
		return post("/v1/restores", body).with("Idempotency-Key", "k")
	}
	take := func(body string) call { return post("/v1/backups", body).with("Idempotency-Key", "k") }
	for name, c := range map[string]struct {
		call          call
		status        int
		code, pointer string
	}{
		"no key":               {post("/v1/backups", `{}`), 400, "malformed_request", "Idempotency-Key"},
		"no key for a proof":   {post("/v1/backups/"+olderBackup+"/proofs", ""), 400, "malformed_request", "Idempotency-Key"},
		"no key for a restore": {post("/v1/restores", restored().body), 400, "malformed_request", "Idempotency-Key"},
		"no body":              {take(""), 400, "malformed_request", ""},
		"another kind":         {take(`{"kind":"redis"}`), 422, "invalid_request", "/kind"},
		"a rate of nothing":    {take(`{"max_rate":0}`), 422, "invalid_request", "/max_rate"},
		"a huge rate":          {take(`{"max_rate":1048577}`), 422, "invalid_request", "/max_rate"},
		"unproven is a word":   {take(`{"unproven":"yes"}`), 422, "invalid_request", "/unproven"},
		"backup is no id":      {get("/v1/backups/yesterday"), 400, "malformed_request", "backup_id"},
		"backup climbs":        {get("/v1/backups/..%2F20261126T012000Z-postgres-0f3a9c1e"), 400, "malformed_request", "backup_id"},
		"proof of no id":       {post("/v1/backups/yesterday/proofs", "").with("Idempotency-Key", "k"), 400, "malformed_request", "backup_id"},
		"hold of no id":        {call{method: http.MethodPut, path: "/v1/backups/yesterday/hold", body: `{"held":true}`}, 400, "malformed_request", "backup_id"},
		"hold without a word":  {call{method: http.MethodPut, path: "/v1/backups/" + olderBackup + "/hold", body: `{}`}, 422, "invalid_request", "/held"},
		"cursor is no id":      {get("/v1/backups?cursor=a_b"), 400, "malformed_request", "cursor"},
		"limit is huge":        {get("/v1/backups?limit=101"), 400, "malformed_request", "limit"},
		"run is no id":         {get("/v1/backup-runs/1"), 400, "malformed_request", "run_id"},
		"two targets":          {restored(`"lsn"`, `"to":"2026-11-27T05:00:00Z","lsn"`), 422, "invalid_request", "/lsn"},
		"no position":          {restored(`0/1`, `somewhere`), 422, "invalid_request", "/lsn"},
		"a folder elsewhere":   {restored(`"new"`, `"../new"`), 422, "invalid_request", "/into"},
		"a whole path":         {restored(`"new"`, `"/srv/new"`), 422, "invalid_request", "/into"},
		"no folder":            {restored(`"into":"new",`, ``), 422, "invalid_request", "/into"},
		"no backup":            {restored(olderBackup, `newest`), 422, "invalid_request", "/backup"},
		"no approval":          {restored(`"approval":`, `"approved":`), 422, "invalid_request", "/approval"},
		"no such queue":        {restored(`"lsn":"0/1"`, `"task_queue":"Proving!"`), 422, "invalid_request", "/task_queue"},
		"no moment":            {restored(`"lsn":"0/1"`, `"to":"yesterday"`), 422, "invalid_request", "/to"},
	} {
		t.Run(name, func(t *testing.T) {
			problem := refused(t, p.do(t, c.call), c.status, c.code)
			require.True(t, slices.ContainsFunc(problem.Errors, func(e api.FieldError) bool { return e.Pointer == c.pointer }), "%+v", problem.Errors)
		})
	}
	require.Empty(t, p.engine.inputs, "nothing was begun")
}
