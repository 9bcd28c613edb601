package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/language"

	"meai/activities/privacy/consent"
	"meai/internal/signing"
)

// Consents keeps what people agree to; [consent.Store] is the real one.
type Consents interface {
	Permit(ctx context.Context, subject uuid.UUID, purpose consent.Purpose) error
	Decide(ctx context.Context, a consent.Answer) (consent.Record, error)
	Overview(ctx context.Context, subject uuid.UUID) (consent.Overview, error)
	History(ctx context.Context, subject uuid.UUID) ([]consent.Record, error)
	Restriction(ctx context.Context, subject uuid.UUID) (since time.Time, err error)
	Restrict(ctx context.Context, subject uuid.UUID) (since time.Time, err error)
	Lift(ctx context.Context, subject uuid.UUID) error
	DoNotShare(ctx context.Context, subject uuid.UUID) (consent.Flag, error)
	SetDoNotShare(ctx context.Context, subject uuid.UUID, on bool) (consent.Flag, error)
	Key(ctx context.Context) (*signing.Key, error)
}

// spoken matches what clients prefer with what there is.
var spoken = language.NewMatcher([]language.Tag{language.English, language.German})

// preferred is one of [consent.Languages]. What cannot be read prefers none.
func preferred(header string) string {
	_, i := language.MatchStrings(spoken, header)
	return consent.Languages[i]
}

// ListPurposes implements [StrictServerInterface].
func (s *Server) ListPurposes(_ context.Context, r ListPurposesRequestObject) (ListPurposesResponseObject, error) {
	var header string
	if r.Params.AcceptLanguage != nil {
		header = *r.Params.AcceptLanguage
	}
	in := preferred(header)
	out := ListPurposes200JSONResponse{Language: as[PurposesLanguage](in), Purposes: []PurposeText{}}
	for _, d := range consent.Purposes() {
		if !d.OptOut {
			out.Purposes = append(out.Purposes, toPurposeText(d, in))
		}
	}
	return out, nil
}

func toPurposeText(d consent.Definition, in string) PurposeText {
	version := d.Current()
	text, _ := version.In(in)
	hash := text.Hash()
	return PurposeText{
		Purpose: as[Purpose](d.Purpose), Operation: as[PurposeTextOperation](d.Operation), Category: d.Category,
		Required: d.Required, Months: d.Months, Version: version.Number,
		Title: text.Title, Text: text.Text, Without: text.Without, TextSha256: hex.EncodeToString(hash[:]),
	}
}

// ListConsents implements [StrictServerInterface].
func (s *Server) ListConsents(ctx context.Context, _ ListConsentsRequestObject) (ListConsentsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	o, err := s.consents.Overview(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read consents: %w", err)
	}
	return ListConsents200JSONResponse{
		Consents: each(o.Purposes, toConsent), Restricted: !o.Restricted.IsZero(), DoNotSell: o.Sharing.On,
	}, nil
}

func toConsent(st consent.Standing) Consent {
	c := Consent{
		Purpose: as[Purpose](st.Definition.Purpose), State: as[ConsentState](st.State),
		CurrentVersion: st.Definition.Current().Number, AskAgain: st.AskAgain,
	}
	if st.Last != nil {
		c.DecidedAt, c.ExpiresAt, c.TextVersion, c.Language, c.ReceiptId = st.Last.At, st.Last.Expires, st.Last.Version, st.Last.Language, st.Last.ID
	}
	return c
}

// ListConsentHistory implements [StrictServerInterface].
func (s *Server) ListConsentHistory(ctx context.Context, _ ListConsentHistoryRequestObject) (ListConsentHistoryResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.consents.History(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read the history of consents: %w", err)
	}
	key, err := s.consents.Key(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the key of receipts: %w", err)
	}
	return ListConsentHistory200JSONResponse{Decisions: each(all, func(r consent.Record) ConsentReceipt { return toReceipt(r, key) })}, nil
}

// DecideConsent implements [StrictServerInterface].
func (s *Server) DecideConsent(ctx context.Context, r DecideConsentRequestObject) (DecideConsentResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := names(r.Body); err != nil {
		return nil, err
	}
	recorded, err := s.consents.Decide(ctx, consent.Answer{
		Subject: subject, Purpose: as[consent.Purpose](r.Purpose), Decision: as[consent.Decision](r.Body.Decision),
		Version: r.Body.TextVersion, Language: string(r.Body.Language),
	})
	if err != nil {
		return nil, fmt.Errorf("record a decision: %w", err)
	}
	key, err := s.consents.Key(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the key of receipts: %w", err)
	}
	return DecideConsent200JSONResponse(toReceipt(recorded, key)), nil
}

// names holds a decision to the text that it is about. Who takes a consent back need not
// name any.
func names(d *NewConsent) error {
	if d.Decision == NewConsentDecisionWithdrawn && d.TextVersion == 0 && d.Language == "" {
		return nil
	}
	var faults []FieldError
	if d.TextVersion == 0 {
		faults = append(faults, FieldError{In: FieldErrorInBody, Pointer: "/text_version", Reason: "is required"})
	}
	if d.Language == "" {
		faults = append(faults, FieldError{In: FieldErrorInBody, Pointer: "/language", Reason: "is required"})
	}
	if len(faults) > 0 {
		return fieldProblem(invalidRequest, faults...)
	}
	return nil
}

func toReceipt(r consent.Record, key *signing.Key) ConsentReceipt {
	out := ConsentReceipt{
		Id: r.ID, Purpose: string(r.Purpose), Decision: as[ConsentReceiptDecision](r.Decision), DecidedAt: r.At, ExpiresAt: r.Expires,
		TextVersion: r.Version, Language: r.Language, TextSha256: hex.EncodeToString(r.Hash[:]), Receipt: r.Receipt,
	}
	if r.Receipt != "" {
		out.Key = key.String()
	}
	return out
}

// GetRestriction implements [StrictServerInterface].
func (s *Server) GetRestriction(ctx context.Context, _ GetRestrictionRequestObject) (GetRestrictionResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	since, err := s.consents.Restriction(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read a restriction: %w", err)
	}
	return GetRestriction200JSONResponse{Restricted: !since.IsZero(), Since: since}, nil
}

// PlaceRestriction implements [StrictServerInterface].
func (s *Server) PlaceRestriction(ctx context.Context, _ PlaceRestrictionRequestObject) (PlaceRestrictionResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	since, err := s.consents.Restrict(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("restrict processing: %w", err)
	}
	return PlaceRestriction200JSONResponse{Restricted: true, Since: since}, nil
}

// LiftRestriction implements [StrictServerInterface].
func (s *Server) LiftRestriction(ctx context.Context, _ LiftRestrictionRequestObject) (LiftRestrictionResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.consents.Lift(ctx, subject); err != nil {
		return nil, fmt.Errorf("lift a restriction: %w", err)
	}
	return LiftRestriction204Response{}, nil
}

// GetDoNotSell implements [StrictServerInterface].
func (s *Server) GetDoNotSell(ctx context.Context, _ GetDoNotSellRequestObject) (GetDoNotSellResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	flag, err := s.consents.DoNotShare(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("read the flag do-not-sell: %w", err)
	}
	out, err := s.toDoNotSell(ctx, flag)
	return GetDoNotSell200JSONResponse(out), err
}

// SetDoNotSell implements [StrictServerInterface].
func (s *Server) SetDoNotSell(ctx context.Context, r SetDoNotSellRequestObject) (SetDoNotSellResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	flag, err := s.consents.SetDoNotShare(ctx, subject, r.Body.Enabled)
	if err != nil {
		return nil, fmt.Errorf("set the flag do-not-sell: %w", err)
	}
	out, err := s.toDoNotSell(ctx, flag)
	return SetDoNotSell200JSONResponse(out), err
}

func (s *Server) toDoNotSell(ctx context.Context, flag consent.Flag) (DoNotSell, error) {
	d, _ := consent.Defined(consent.Sharing)
	text := d.Current().English
	out := DoNotSell{Enabled: flag.On, Title: text.Title, Text: text.Text}
	if flag.Last == nil {
		return out, nil
	}
	key, err := s.consents.Key(ctx)
	if err != nil {
		return out, fmt.Errorf("load the key of receipts: %w", err)
	}
	out.DecidedAt, out.Receipt, out.Key = flag.Last.At, flag.Last.Receipt, key.String()
	return out, nil
}
