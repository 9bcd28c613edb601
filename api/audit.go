package api

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/identity"
	"meai/internal/signing"
)

// AuditLog is what can be asked of the audit log; [audit.Log] is the real one.
type AuditLog interface {
	Key(ctx context.Context) (*signing.Key, error)
	LastCheckpoint(ctx context.Context) (audit.Checkpoint, error)
	Entries(ctx context.Context, first int64, object audit.HMAC, limit int) (audit.Page, error)
	ProveInclusion(ctx context.Context, index, size int64) (audit.Inclusion, error)
	ProveConsistency(ctx context.Context, from, to int64) (tlog.TreeProof, error)
	Object(ctx context.Context, kind audit.Kind, id string) (audit.HMAC, error)
	Person(ctx context.Context, id uuid.UUID) (string, error)
	Record(ctx context.Context, e audit.Entry) (int64, error)
}

// noAuditLog stands in where none is given.
type noAuditLog struct{}

var errNoAuditLog = errors.New("this server has no audit log")

func (noAuditLog) Key(context.Context) (*signing.Key, error) { return nil, errNoAuditLog }
func (noAuditLog) LastCheckpoint(context.Context) (audit.Checkpoint, error) {
	return audit.Checkpoint{}, errNoAuditLog
}
func (noAuditLog) Entries(context.Context, int64, audit.HMAC, int) (audit.Page, error) {
	return audit.Page{}, errNoAuditLog
}
func (noAuditLog) ProveInclusion(context.Context, int64, int64) (audit.Inclusion, error) {
	return audit.Inclusion{}, errNoAuditLog
}
func (noAuditLog) Object(context.Context, audit.Kind, string) (audit.HMAC, error) {
	return audit.HMAC{}, errNoAuditLog
}
func (noAuditLog) Person(context.Context, uuid.UUID) (string, error)  { return "", errNoAuditLog }
func (noAuditLog) Record(context.Context, audit.Entry) (int64, error) { return 0, errNoAuditLog }
func (noAuditLog) ProveConsistency(context.Context, int64, int64) (tlog.TreeProof, error) {
	return nil, errNoAuditLog
}

// GetAuditCheckpoint implements [StrictServerInterface].
func (s *Server) GetAuditCheckpoint(ctx context.Context, _ GetAuditCheckpointRequestObject) (GetAuditCheckpointResponseObject, error) {
	last, err := s.audit.LastCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	key, err := s.audit.Key(ctx)
	if err != nil {
		return nil, err
	}
	return GetAuditCheckpoint200JSONResponse{Size: last.Size, Root: last.Root.String(), Note: last.Note, Key: key.String()}, nil
}

// ListAuditEntries implements [StrictServerInterface].
func (s *Server) ListAuditEntries(ctx context.Context, r ListAuditEntriesRequestObject) (ListAuditEntriesResponseObject, error) {
	limit := 100
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	var object audit.HMAC
	if r.Params.Object != nil {
		var err error
		if object, err = audit.ParseHMAC(*r.Params.Object); err != nil {
			return nil, fieldProblem(malformedRequest, FieldError{In: FieldErrorInQuery, Pointer: "object", Reason: "is not valid"})
		}
	}
	// Whoever reads the log is in the log, before they see it.
	who, _ := identity.FromContext(ctx)
	actor, err := s.audit.Person(ctx, who.Principal)
	if err != nil {
		return nil, err
	}
	if _, err := s.audit.Record(ctx, audit.Entry{Actor: actor, Role: who.FirstRole(), Act: audit.AuditRead, Outcome: audit.Succeeded}); err != nil {
		return nil, err
	}
	page, err := s.audit.Entries(ctx, r.Params.Cursor, object, limit)
	if err != nil {
		return nil, err
	}
	return ListAuditEntries200JSONResponse{Entries: each(page.Entries, toAuditEntry), NextCursor: page.Next}, nil
}

// ProveAuditEntry implements [StrictServerInterface].
func (s *Server) ProveAuditEntry(ctx context.Context, r ProveAuditEntryRequestObject) (ProveAuditEntryResponseObject, error) {
	size, err := s.sizeOr(ctx, r.Params.Size)
	if err != nil {
		return nil, err
	}
	p, err := s.audit.ProveInclusion(ctx, r.Index, size)
	if err != nil {
		return nil, err
	}
	return ProveAuditEntry200JSONResponse{Index: p.Index, Size: p.Size, Leaf: p.Leaf, Hashes: each(p.Proof, tlog.Hash.String)}, nil
}

// sizeOr is the size that was asked for, or that of the newest checkpoint.
func (s *Server) sizeOr(ctx context.Context, asked *int64) (int64, error) {
	if asked != nil {
		return *asked, nil
	}
	last, err := s.audit.LastCheckpoint(ctx)
	return last.Size, err
}

// ProveAuditConsistency implements [StrictServerInterface].
func (s *Server) ProveAuditConsistency(ctx context.Context, r ProveAuditConsistencyRequestObject) (ProveAuditConsistencyResponseObject, error) {
	from, to := r.Params.From, r.Params.To
	if from > to {
		return nil, failure.New(failure.NotFound, "the log does not shrink", nil)
	}
	proof, err := s.audit.ProveConsistency(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return ProveAuditConsistency200JSONResponse{From: from, To: to, Hashes: each(proof, tlog.Hash.String)}, nil
}

func toAuditEntry(e audit.Entry) AuditEntry {
	return AuditEntry{
		Index: e.Index, Time: e.Time, Actor: e.Actor, Role: e.Role, Act: string(e.Act), Kind: string(e.Kind),
		Object: e.Object.String(), Outcome: AuditEntryOutcome(e.Outcome), Reason: e.Reason, Note: e.Note.String(),
		Request: e.Request, Approval: e.Approval,
	}
}
