package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/export"
	"meai/internal/signing"
)

// ExportStore keeps what people ask to be given, and bring along; [export.Exports] is the
// real one.
type ExportStore interface {
	Request(ctx context.Context, a export.Asked) (export.Export, export.WriteInput, error)
	List(ctx context.Context, subject uuid.UUID) ([]export.Export, error)
	Get(ctx context.Context, subject, id uuid.UUID) (export.Export, error)
	Delete(ctx context.Context, subject, id uuid.UUID) error
	Fetch(ctx context.Context, subject, id uuid.UUID) (export.Export, io.ReadSeekCloser, error)
	Key(ctx context.Context) (*signing.Key, error)
	BeginImport(ctx context.Context, subject uuid.UUID, key string) (export.Import, bool, error)
	Receive(ctx context.Context, subject, id uuid.UUID, secret export.Secret, from io.Reader) (export.Import, error)
	Import(ctx context.Context, subject, id uuid.UUID) (export.Import, error)
}

// exportFailure tells failures of exports in the contract's codes.
func exportFailure(doing string, err error) error {
	for known, code := range map[error]code{
		export.ErrRunning: exportRunning, export.ErrGone: exportGone, export.ErrNotReady: exportNotReady, export.ErrTooLarge: bodyTooLarge,
	} {
		if errors.Is(err, known) {
			return &problem{code: code, cause: err}
		}
	}
	return engineFailure(doing, err)
}

// RequestExport implements [StrictServerInterface].
func (s *Server) RequestExport(ctx context.Context, r RequestExportRequestObject) (RequestExportResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	lock := export.Lock{Recipient: r.Body.Recipient, Passphrase: r.Body.Passphrase}
	if fault := checkLock(lock); fault != nil {
		return nil, fieldProblem(invalidRequest, *fault)
	}
	e, start, err := s.exports.Request(ctx, export.Asked{
		Subject: subject, IdempotencyKey: r.Params.IdempotencyKey, Lock: lock, Formats: each(r.Body.Formats, as[export.Format, ExportFormat]),
	})
	if err != nil {
		return nil, exportFailure("ask for an export", err)
	}
	if e.State == export.Queued || e.State == export.Writing {
		if err := s.engine.StartExport(ctx, start); err != nil {
			return nil, fmt.Errorf("start an export: %w", err)
		}
	}
	return RequestExport202JSONResponse{Body: toExport(e), Headers: RequestExport202ResponseHeaders{Location: exportLocation(e.ID)}}, nil
}

// checkLock says what is wrong with it, and never quotes it.
func checkLock(l export.Lock) *FieldError {
	switch {
	case (l.Recipient == "") == (l.Passphrase == ""):
		return &FieldError{In: FieldErrorInBody, Reason: "must hold either recipient or passphrase"}
	case l.Recipient != "" && !export.CheckRecipient(l.Recipient):
		return &FieldError{In: FieldErrorInBody, Pointer: "/recipient", Reason: "is no public key as age-keygen prints it"}
	case l.Passphrase != "":
		if weak := export.CheckPassphrase(l.Passphrase); weak != "" {
			return &FieldError{In: FieldErrorInBody, Pointer: "/passphrase", Reason: weak}
		}
	}
	return nil
}

// ListExports implements [StrictServerInterface].
func (s *Server) ListExports(ctx context.Context, _ ListExportsRequestObject) (ListExportsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.exports.List(ctx, subject)
	if err != nil {
		return nil, exportFailure("list exports", err)
	}
	key, err := s.exports.Key(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the key of exports: %w", err)
	}
	return ListExports200JSONResponse{Exports: each(list, toExport), SigningKey: key.String()}, nil
}

// GetExport implements [StrictServerInterface].
func (s *Server) GetExport(ctx context.Context, r GetExportRequestObject) (GetExportResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	e, err := s.exports.Get(ctx, subject, r.ExportId)
	if err != nil {
		return nil, exportFailure("read an export", err)
	}
	return GetExport200JSONResponse(toExport(e)), nil
}

// DeleteExport implements [StrictServerInterface].
func (s *Server) DeleteExport(ctx context.Context, r DeleteExportRequestObject) (DeleteExportResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.exports.Delete(ctx, subject, r.ExportId); err != nil {
		return nil, exportFailure("delete an export", err)
	}
	// It is deleted whether or not its workflow hears of it before its time is over.
	if err := s.engine.WakeExport(ctx, subject, r.ExportId); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "an export was deleted, and its workflow waits on", slog.Any("error", err))
	}
	return DeleteExport204Response{}, nil
}

// DownloadExport implements [StrictServerInterface].
func (s *Server) DownloadExport(ctx context.Context, r DownloadExportRequestObject) (DownloadExportResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	e, content, err := s.exports.Fetch(ctx, subject, r.ExportId)
	if err != nil {
		return nil, exportFailure("fetch an export", err)
	}
	return &download{export: e, content: content, part: orZero(r.Params.Range), log: s.log, ctx: ctx}, nil
}

// download is the response with the file.
type download struct {
	export  export.Export
	content io.ReadSeekCloser
	part    string // that the client wants; "" for all
	log     *slog.Logger
	ctx     context.Context // the request's
}

// VisitDownloadExportResponse implements [DownloadExportResponseObject].
func (d *download) VisitDownloadExportResponse(w http.ResponseWriter) error {
	defer func() {
		if err := d.content.Close(); err != nil {
			d.log.LogAttrs(d.ctx, slog.LevelDebug, "an export was not closed", slog.Any("error", err))
		}
	}()
	e := d.export
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="meai-export-`+e.RequestedAt.Format(time.DateOnly)+`.zip.age"`)
	h.Set("ETag", strconv.Quote(e.SHA256))
	request := (&http.Request{Method: http.MethodGet, Header: http.Header{}}).WithContext(d.ctx)
	if d.part != "" {
		request.Header.Set("Range", d.part)
	}
	http.ServeContent(&patientWriter{w}, request, "", e.FinishedAt, d.content)
	return nil
}

// slowest is how long one piece of a large body may take to be sent or received.
const slowest = 30 * time.Second

// patientWriter gives each piece its time, however long the whole takes.
type patientWriter struct{ http.ResponseWriter }

func (p *patientWriter) Write(b []byte) (int, error) {
	if err := setWriteDeadline(p.ResponseWriter, slowest); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

// patientReader is its counterpart.
type patientReader struct {
	io.Reader
	allow func(time.Duration) error
}

func (p *patientReader) Read(b []byte) (int, error) {
	if err := p.allow(slowest); err != nil {
		return 0, err
	}
	return p.Reader.Read(b)
}

func exportLocation(id uuid.UUID) string { return "/v1/privacy/exports/" + id.String() }

func toExport(e export.Export) Export {
	body := Export{
		Id: e.ID, State: as[ExportState](e.State), Lock: as[ExportLock](e.Lock), Formats: each(e.Formats, as[ExportFormat, export.Format]),
		RequestedAt: e.RequestedAt, StartedAt: e.StartedAt, FinishedAt: e.FinishedAt, RowsDone: e.RowsDone, RowsTotal: e.RowsTotal,
		Size: e.Size, Sha256: e.SHA256, ExpiresAt: e.ExpiresAt, EndedAt: e.EndedAt, Failure: e.Failure,
	}
	if e.State == export.Ready {
		body.Content = exportLocation(e.ID) + "/content"
	}
	if left, ok := e.Left(time.Now()); ok {
		body.SecondsLeft = int(left.Seconds())
	}
	return body
}

// ImportExport implements [StrictServerInterface]. The archive is decrypted as it arrives,
// and laid aside under the person's own keys.
func (s *Server) ImportExport(ctx context.Context, r ImportExportRequestObject) (ImportExportResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	secret, file, err := readForm(r.Body)
	if err != nil {
		return nil, err
	}
	i, fresh, err := s.exports.BeginImport(ctx, subject, r.Params.IdempotencyKey)
	if err != nil {
		return nil, exportFailure("begin an import", err)
	}
	if fresh {
		// First the workflow, which cleans up after a process that dies while it receives.
		if err := s.engine.StartImportExport(ctx, export.Ref{Subject: subject, ID: i.ID}); err != nil {
			return nil, fmt.Errorf("start an import: %w", err)
		}
		if i, err = s.receive(ctx, subject, i.ID, secret, file); err != nil {
			return nil, err
		}
	}
	return ImportExport202JSONResponse{Body: toExportImport(i), Headers: ImportExport202ResponseHeaders{Location: "/v1/privacy/imports/" + i.ID.String()}}, nil
}

func (s *Server) receive(ctx context.Context, subject, id uuid.UUID, secret export.Secret, file io.Reader) (export.Import, error) {
	i, err := s.exports.Receive(ctx, subject, id, secret, file)
	if woken := s.engine.WakeImportExport(ctx, subject, id); woken != nil && err == nil {
		err = fmt.Errorf("say that an import has arrived: %w", woken)
	}
	switch {
	case errors.Is(err, export.ErrSecret):
		return i, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/passphrase", Reason: "does not open the file, nor does identity"})
	case errors.Is(err, export.ErrNoExport):
		return i, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/file", Reason: "is neither an export nor the zip in one"})
	case err != nil:
		return i, exportFailure("receive an import", err)
	}
	return i, nil
}

// mostSecret bounds a passphrase, or the file with a private key.
const mostSecret = 8192

// readForm reads what comes before the file, which it returns unread.
func readForm(form *multipart.Reader) (secret export.Secret, file io.Reader, err error) {
	if form == nil {
		return secret, nil, fieldProblem(malformedRequest, FieldError{In: FieldErrorInBody, Reason: "is required"})
	}
	for range 3 {
		part, err := form.NextPart()
		if err != nil {
			break
		}
		name := part.FormName()
		if name == "file" {
			return secret, part, nil
		}
		text, err := io.ReadAll(io.LimitReader(part, mostSecret+1))
		if err != nil || len(text) > mostSecret {
			return secret, nil, fieldProblem(malformedRequest, FieldError{In: FieldErrorInBody, Reason: "has a field that is too long or broken off"})
		}
		switch name {
		case "passphrase":
			secret.Passphrase = string(text)
		case "identity":
			secret.Identity = string(text)
		default:
			return secret, nil, fieldProblem(malformedRequest, FieldError{In: FieldErrorInBody, Reason: "has a field besides passphrase, identity and file"})
		}
	}
	return secret, nil, fieldProblem(malformedRequest, FieldError{In: FieldErrorInBody, Pointer: "/file", Reason: "is required, after passphrase or identity"})
}

// GetExportImport implements [StrictServerInterface].
func (s *Server) GetExportImport(ctx context.Context, r GetExportImportRequestObject) (GetExportImportResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	i, err := s.exports.Import(ctx, subject, r.ImportId)
	if err != nil {
		return nil, exportFailure("read an import", err)
	}
	return GetExportImport200JSONResponse(toExportImport(i)), nil
}

func toExportImport(i export.Import) ExportImport {
	return ExportImport{
		Id: i.ID, State: as[ExportImportState](i.State), RequestedAt: i.RequestedAt, ReceivedAt: i.ReceivedAt, EndedAt: i.EndedAt,
		Size: i.Size, RowsDone: i.RowsDone, RowsTotal: i.RowsTotal, ExportId: i.Export, Failure: i.Failure,
	}
}
