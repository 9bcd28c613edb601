package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/erasure"
	"meai/internal/signing"
	"meai/workflows"
)

// Erasures keeps the erasures of people; [erasure.Store] is the real one.
type Erasures interface {
	Preview(ctx context.Context, subject uuid.UUID) (erasure.Preview, error)
	Request(ctx context.Context, n erasure.New) (erasure.Erasure, error)
	Own(ctx context.Context, subject, id uuid.UUID) (erasure.Erasure, error)
	Cancel(ctx context.Context, subject, id uuid.UUID) (erasure.Erasure, error)
	Confirm(ctx context.Context, subject, id uuid.UUID) (erasure.Erasure, error)
	Certificates(ctx context.Context, id uuid.UUID) (erasure.State, []erasure.Issued, error)
	CertificateKey(ctx context.Context) (*signing.Public, error)
}

// PreviewErasure implements [StrictServerInterface].
func (s *Server) PreviewErasure(ctx context.Context, _ PreviewErasureRequestObject) (PreviewErasureResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.erasures.Preview(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("preview an erasure: %w", err)
	}
	return PreviewErasure200JSONResponse{
		Counts: p.Counts, CoolingOffSeconds: int(p.CoolingOff.Seconds()),
		Stays: each(p.Stays, func(s erasure.Stay) Retained {
			return Retained{What: s.What, Why: s.Why, Days: int(s.For / (24 * time.Hour))}
		}),
	}, nil
}

// RequestErasure implements [StrictServerInterface]. Once it is in the ledger it will happen:
// where its start fails, the nightly sweep starts it.
func (s *Server) RequestErasure(ctx context.Context, r RequestErasureRequestObject) (RequestErasureResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	law := erasure.GDPR
	if r.Body.Law != "" {
		law = erasure.Law(r.Body.Law)
	}
	e, err := s.erasures.Request(ctx, erasure.New{Subject: subject, Law: law, Now: r.Body.SkipCoolingOff})
	if err != nil {
		return nil, fmt.Errorf("request an erasure: %w", err)
	}
	if _, err := s.engine.StartErasure(ctx, workflows.ErasureInput{Erasure: e.ID}); err != nil {
		return nil, fmt.Errorf("request an erasure: %w", err)
	}
	return RequestErasure202JSONResponse{Body: toErasure(e), Headers: RequestErasure202ResponseHeaders{Location: "/v1/privacy/erasures/" + e.ID.String()}}, nil
}

// GetErasure implements [StrictServerInterface].
func (s *Server) GetErasure(ctx context.Context, r GetErasureRequestObject) (GetErasureResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	e, err := s.erasures.Own(ctx, subject, r.ErasureId)
	if err != nil {
		return nil, fmt.Errorf("read an erasure: %w", err)
	}
	return GetErasure200JSONResponse(toErasure(e)), nil
}

// CancelErasure implements [StrictServerInterface]. It counts with its row: the workflow
// finds out by itself where it cannot be told.
func (s *Server) CancelErasure(ctx context.Context, r CancelErasureRequestObject) (CancelErasureResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	e, err := s.erasures.Cancel(ctx, subject, r.ErasureId)
	if err != nil {
		return nil, fmt.Errorf("cancel an erasure: %w", err)
	}
	s.nudge(ctx, e.ID)
	return CancelErasure200JSONResponse(toErasure(e)), nil
}

// ConfirmErasure implements [StrictServerInterface].
func (s *Server) ConfirmErasure(ctx context.Context, r ConfirmErasureRequestObject) (ConfirmErasureResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	e, err := s.erasures.Confirm(ctx, subject, r.ErasureId)
	if err != nil {
		return nil, fmt.Errorf("confirm an erasure: %w", err)
	}
	s.nudge(ctx, e.ID)
	return ConfirmErasure202JSONResponse(toErasure(e)), nil
}

func (s *Server) nudge(ctx context.Context, id uuid.UUID) {
	if err := s.engine.NudgeErasure(ctx, id); err != nil {
		s.log.WarnContext(ctx, "an erasure was not told to look at its row", "id", id.String(), "error", err)
	}
}

// GetCertificates implements [StrictServerInterface].
func (s *Server) GetCertificates(ctx context.Context, r GetCertificatesRequestObject) (GetCertificatesResponseObject, error) {
	state, issued, err := s.erasures.Certificates(ctx, r.ErasureId)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	if r.Params.Format == GetCertificatesParamsFormatText {
		return GetCertificates200TextResponse(strings.Join(each(issued, func(i erasure.Issued) string { return i.Note }), "\n")), nil
	}
	key, err := s.erasures.CertificateKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	body := ErasureCertificates{ErasureId: r.ErasureId, State: string(state), Certificates: []ErasureCertificate{}}
	for _, i := range issued {
		c, err := erasure.OpenCertificate(key, []byte(i.Note))
		if err != nil { // nothing that a retry mends
			return nil, &problem{code: internalError, cause: fmt.Errorf("read certificates: %w", err)}
		}
		body.Certificates = append(body.Certificates, ErasureCertificate{
			Stage: as[ErasureCertificateStage](i.Stage), IssuedAt: i.At.UTC(), Note: i.Note, Details: toCertificate(c),
		})
	}
	return GetCertificates200JSONResponse(body), nil
}

func toCertificate(c erasure.Certificate) ErasureCertificateDetails {
	until := map[string]time.Time{}
	for stage, at := range c.Until {
		until[string(stage)] = at
	}
	details := ErasureCertificateDetails{
		Alias: c.Alias.String(), Law: as[ErasureCertificateDetailsLaw](c.Law), Requested: c.Requested, Unreadable: c.Unreadable, Erased: c.Erased,
		Scanned: c.Scanned, Issued: c.Issued, Files: c.Files, Found: c.Found, Until: until,
	}
	if len(c.Kept) > 0 {
		details.Kept = map[string]int64{}
	}
	for store, kept := range c.Kept {
		details.Kept[store] = kept.Objects
	}
	return details
}

func toErasure(e erasure.Erasure) Erasure {
	return Erasure{
		Id: e.ID, State: as[ErasureState](e.State), Law: as[ErasureLaw](e.Law), Revocable: e.State.Revocable(),
		RequestedAt: e.RequestedAt.UTC(), CoolingUntil: e.CoolingUntil.UTC(), UnreadableAt: e.UnreadableAt, ErasedAt: e.ErasedAt, EndedAt: e.EndedAt, Counts: e.Counts,
	}
}
