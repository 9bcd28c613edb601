package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/activities/privacy/export"
	"meai/api"
	"meai/internal/enginetest"
	"meai/internal/failure"
	"meai/internal/identity"
	"meai/internal/signing"
)

// exportStore keeps what it was asked for in memory.
type exportStore struct {
	asked    []export.Asked
	export   export.Export
	content  []byte
	err      error
	key      *signing.Key
	secret   export.Secret
	received string
	deleted  int
	fresh    bool
}

func (s *exportStore) Request(_ context.Context, a export.Asked) (export.Export, export.WriteInput, error) {
	s.asked = append(s.asked, a)
	return s.export, export.WriteInput{Subject: a.Subject, Export: s.export.ID, Lock: a.Lock}, s.err
}

func (s *exportStore) List(context.Context, uuid.UUID) ([]export.Export, error) {
	return []export.Export{s.export}, s.err
}
func (s *exportStore) Get(context.Context, uuid.UUID, uuid.UUID) (export.Export, error) {
	return s.export, s.err
}
func (s *exportStore) Delete(context.Context, uuid.UUID, uuid.UUID) error { s.deleted++; return s.err }
func (s *exportStore) Key(context.Context) (*signing.Key, error)          { return s.key, nil }
func (s *exportStore) Fetch(context.Context, uuid.UUID, uuid.UUID) (export.Export, io.ReadSeekCloser, error) {
	return s.export, nopCloser{bytes.NewReader(s.content)}, s.err
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

func (s *exportStore) BeginImport(context.Context, uuid.UUID, string) (export.Import, bool, error) {
	return export.Import{ID: s.export.ID, State: export.Receiving, RequestedAt: time.Now()}, s.fresh, nil
}

func (s *exportStore) Receive(_ context.Context, _, id uuid.UUID, secret export.Secret, from io.Reader) (export.Import, error) {
	all, err := io.ReadAll(from)
	s.secret, s.received = secret, string(all)
	return export.Import{ID: id, State: export.Received, RequestedAt: time.Now(), Size: int64(len(all))}, errors.Join(err, s.err)
}

func (s *exportStore) Import(context.Context, uuid.UUID, uuid.UUID) (export.Import, error) {
	return export.Import{ID: s.export.ID, State: export.ImportFailed, Failure: "altered", RequestedAt: time.Now()}, s.err
}

// exportEngine notes what was started and woken.
type exportEngine struct {
	exports        []export.WriteInput
	imports, woken []uuid.UUID
}

func (e *exportEngine) StartExport(_ context.Context, in export.WriteInput) error {
	e.exports = append(e.exports, in)
	return nil
}

func (e *exportEngine) StartImportExport(_ context.Context, in export.Ref) error {
	e.imports = append(e.imports, in.ID)
	return nil
}

func (e *exportEngine) WakeExport(_ context.Context, _, id uuid.UUID) error {
	e.woken = append(e.woken, id)
	return nil
}

func (e *exportEngine) WakeImportExport(_ context.Context, _, id uuid.UUID) error {
	e.woken = append(e.woken, id)
	return nil
}

// steppedUp is everybody, with several factors.
type steppedUp struct{ anyone }

func (s steppedUp) Authenticate(r *http.Request) (identity.Caller, error) {
	c, err := s.anyone.Authenticate(r)
	c.MultiFactor, c.AuthTime = true, time.Now()
	return c, err
}

func newExportSite(t *testing.T) (*person, *exportStore) {
	t.Helper()
	key, err := signing.Derive(t.Context(), enginetest.Keyring(t), "meai-export", "x")
	require.NoError(t, err)
	store := &exportStore{key: key, fresh: true, export: export.Export{
		ID: uuid.New(), State: export.Queued, Lock: export.ByPassphrase, Formats: []export.Format{export.JSON, export.HTML}, RequestedAt: time.Now(),
	}}
	s := newSite(t, func(o *api.Options) { o.Exports, o.Auth = store, steppedUp{} })
	return s.person(), store
}

const strong = "lantern gravel oboe tuesday"

func TestAnExportIsAskedForWithAKeyOrAPassphrase(t *testing.T) {
	p, store := newExportSite(t)
	ask := func(body string) call { return post("/v1/privacy/exports", body).with("Idempotency-Key", "1") }
	w := p.do(t, ask(`{"passphrase":"`+strong+`","formats":["html"]}`))
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	require.Equal(t, "/v1/privacy/exports/"+store.export.ID.String(), w.Header().Get("Location"))
	require.Equal(t, []export.Format{export.HTML}, store.asked[0].Formats)
	require.Equal(t, strong, store.asked[0].Lock.Passphrase)
	require.Equal(t, p.subject, store.asked[0].Subject)
	require.Len(t, p.engine.exports, 1)
	require.NotContains(t, w.Body.String()+p.log.String(), "lantern")

	for body, pointer := range map[string]string{
		`{}`: "",
		`{"passphrase":"` + strong + `","recipient":"age1x"}`: "",
		`{"recipient":"age1nonsense"}`:                        "/recipient",
		`{"passphrase":"short"}`:                              "/passphrase",
		`{"passphrase":"password password password"}`:         "/passphrase",
	} {
		problem := refused(t, p.do(t, ask(body)), http.StatusUnprocessableEntity, "invalid_request")
		require.Equal(t, pointer, problem.Errors[0].Pointer, body)
		require.NotContains(t, fmt.Sprint(problem), "nonsense")
	}
	require.Len(t, store.asked, 1, "nothing of these got further")
	refused(t, p.do(t, ask(`{"passphrase":"`+strong+`","formats":["pdf"]}`)), http.StatusUnprocessableEntity, "invalid_request")
	refused(t, p.do(t, post("/v1/privacy/exports", `{"passphrase":"`+strong+`"}`)), http.StatusBadRequest, "malformed_request")

	store.export.State = export.Ready
	w = p.do(t, ask(`{"passphrase":"`+strong+`"}`))
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Len(t, p.engine.exports, 1, "what is written is not started again")
	store.err = export.ErrRunning
	refused(t, p.do(t, ask(`{"passphrase":"`+strong+`"}`)), http.StatusConflict, "export_running")
}

func TestStaffAndKeysHaveNoWayToAnExport(t *testing.T) {
	p, _ := newExportSite(t)
	for _, role := range []string{".operator", ".privacy_officer", ".admin"} {
		staff := &person{site: p.site, subject: newID(), role: role}
		refused(t, staff.do(t, get("/v1/privacy/exports")), http.StatusForbidden, "forbidden")
		refused(t, staff.do(t, post("/v1/privacy/exports", `{"passphrase":"`+strong+`"}`).with("Idempotency-Key", "1")), http.StatusForbidden, "forbidden")
	}
	once := newSite(t).person() // signed in with one factor
	refused(t, once.do(t, post("/v1/privacy/exports", `{"passphrase":"`+strong+`"}`).with("Idempotency-Key", "1")), http.StatusUnauthorized, "step_up_required")
	refused(t, once.do(t, call{method: http.MethodDelete, path: "/v1/privacy/exports/" + newID().String()}), http.StatusUnauthorized, "step_up_required")
}

func TestHowFarAnExportIsIsShown(t *testing.T) {
	p, store := newExportSite(t)
	store.export.State, store.export.RowsDone, store.export.RowsTotal = export.Writing, 10, 100
	store.export.StartedAt = time.Now().Add(-10 * time.Second)
	body := decode[api.Export](t, p.do(t, get("/v1/privacy/exports/"+store.export.ID.String())))
	require.EqualValues(t, 100, body.RowsTotal)
	require.InDelta(t, 90, body.SecondsLeft, 2)
	require.Empty(t, body.Content, "it cannot be fetched yet")
	store.export.State, store.export.Size, store.export.ExpiresAt = export.Ready, 7, time.Now().Add(time.Hour)
	list := decode[api.Exports](t, p.do(t, get("/v1/privacy/exports")))
	require.Equal(t, store.key.String(), list.SigningKey)
	require.Equal(t, "/v1/privacy/exports/"+store.export.ID.String()+"/content", list.Exports[0].Content)
	w := p.do(t, call{method: http.MethodDelete, path: "/v1/privacy/exports/" + store.export.ID.String()})
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, 1, store.deleted)
	require.Equal(t, []uuid.UUID{store.export.ID}, p.engine.woken)
	store.err = failure.New(failure.NotFound, "none", nil)
	refused(t, p.do(t, get("/v1/privacy/exports/"+newID().String())), http.StatusNotFound, "not_found")
}

func TestAnExportIsFetchedWholeOrInParts(t *testing.T) {
	p, store := newExportSite(t)
	store.content = []byte("age-encryption.org/v1 and what follows")
	store.export.State, store.export.SHA256, store.export.FinishedAt = export.Ready, "ab12", time.Now()
	at := "/v1/privacy/exports/" + store.export.ID.String() + "/content"
	w := p.do(t, get(at))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.Equal(t, string(store.content), w.Body.String())
	require.Equal(t, `"ab12"`, w.Header().Get("ETag"))
	require.Equal(t, "application/octet-stream", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Contains(t, w.Header().Get("Content-Disposition"), ".zip.age")
	require.NotContains(t, w.Header().Get("Content-Disposition"), p.subject.String())
	w = p.do(t, get(at).with("Range", "bytes=4-13"))
	require.Equal(t, http.StatusPartialContent, w.Code)
	require.Equal(t, "encryption", w.Body.String())
	w = p.do(t, get(at).with("Range", "bytes=30-"))
	require.Equal(t, string(store.content[30:]), w.Body.String())
	w = p.do(t, get(at).with("Range", "bytes=1000-"))
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, w.Code)
	refused(t, p.do(t, get(at).with("Range", "lines=1-2")), http.StatusBadRequest, "malformed_request")
	for err, want := range map[error][2]any{
		export.ErrGone: {http.StatusGone, "export_gone"}, export.ErrNotReady: {http.StatusConflict, "export_not_ready"},
	} {
		store.err = err
		refused(t, p.do(t, get(at)), want[0].(int), want[1].(string))
	}
}

// form is a body in parts, in this order.
func form(t *testing.T, parts ...[2]string) call {
	t.Helper()
	var b strings.Builder
	w := multipart.NewWriter(&b)
	for _, part := range parts {
		field, err := w.CreateFormField(part[0])
		require.NoError(t, err)
		_, err = io.WriteString(field, part[1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	c := post("/v1/privacy/imports", b.String()).with("Idempotency-Key", "1")
	c.headers.Set("Content-Type", w.FormDataContentType())
	return c
}

func TestAnArchiveIsTakenAsItArrives(t *testing.T) {
	p, store := newExportSite(t)
	large := strings.Repeat("PK and more. ", 1<<20) // far more than any other body may have
	w := p.do(t, form(t, [2]string{"passphrase", strong}, [2]string{"file", large}))
	require.Equal(t, http.StatusAccepted, w.Code, "%s", w.Body)
	require.Equal(t, large, store.received)
	require.Equal(t, export.Secret{Passphrase: strong}, store.secret)
	require.Equal(t, "/v1/privacy/imports/"+store.export.ID.String(), w.Header().Get("Location"))
	require.Equal(t, []uuid.UUID{store.export.ID}, p.engine.imports)
	require.Equal(t, []uuid.UUID{store.export.ID}, p.engine.woken)
	require.NotContains(t, w.Body.String()+p.log.String(), "lantern")

	store.fresh, store.received = false, ""
	w = p.do(t, form(t, [2]string{"file", "again"}))
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Empty(t, store.received, "the same request is not taken twice")
	require.Len(t, p.engine.imports, 1)
	body := decode[api.ExportImport](t, p.do(t, get("/v1/privacy/imports/"+store.export.ID.String())))
	require.Equal(t, "altered", body.Failure)
}

func TestAnArchiveThatIsNoneIsRefused(t *testing.T) {
	p, store := newExportSite(t)
	for what, c := range map[string]call{
		"no file":           form(t, [2]string{"passphrase", strong}),
		"nothing":           form(t),
		"a field too many":  form(t, [2]string{"more", "x"}, [2]string{"file", "x"}),
		"a long passphrase": form(t, [2]string{"passphrase", strings.Repeat("x", 9000)}, [2]string{"file", "x"}),
		"no parts":          post("/v1/privacy/imports", "x").with("Idempotency-Key", "1").with("Content-Type", "multipart/form-data"),
	} {
		w := p.do(t, c)
		require.Equal(t, http.StatusBadRequest, w.Code, "%s: %s", what, w.Body)
	}
	refused(t, p.do(t, post("/v1/privacy/imports", "{}").with("Idempotency-Key", "1")), http.StatusUnsupportedMediaType, "unsupported_media_type")
	require.Empty(t, p.engine.imports)
	for err, want := range map[error]string{export.ErrSecret: "/passphrase", export.ErrNoExport: "/file"} {
		store.err = fmt.Errorf("receive: %w", err)
		problem := refused(t, p.do(t, form(t, [2]string{"passphrase", strong}, [2]string{"file", "x"})), http.StatusUnprocessableEntity, "invalid_request")
		require.Equal(t, want, problem.Errors[0].Pointer)
	}
	store.err = export.ErrTooLarge
	refused(t, p.do(t, form(t, [2]string{"file", "x"})), http.StatusRequestEntityTooLarge, "body_too_large")
	require.Len(t, p.engine.woken, 3, "its workflow hears that nothing comes")
}
