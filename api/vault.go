package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"meai/activities/memory"
)

// Vault keeps a person's most private memories; [memory.Vaults] is the real one. Consent is
// in every request, and the policies ask for the fresh proof.
type Vault interface {
	Items(ctx context.Context, subject uuid.UUID) ([]memory.VaultItem, error)
	Read(ctx context.Context, subject, id uuid.UUID) (memory.Memory, error)
	Delete(ctx context.Context, subject, id uuid.UUID) error
	Open(ctx context.Context, subject, session uuid.UUID) (memory.VaultOpening, error)
	Close(ctx context.Context, subject, opening uuid.UUID) error
	Accesses(ctx context.Context, subject, before uuid.UUID, limit int) ([]memory.VaultAccess, error)
}

// StoreVaultItem implements [StrictServerInterface].
func (s *Server) StoreVaultItem(ctx context.Context, r StoreVaultItemRequestObject) (StoreVaultItemResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	body, err := canonical(*r.Body)
	if err != nil {
		return nil, err
	}
	said, err := saidBefore(r.Body.SaidAt, "/said_at")
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(r.Body.Text) == "" {
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/text", Reason: "must say something"})
	}
	w, start, _, err := s.memories.Accept(ctx, memory.Offer{
		Subject: subject, IdempotencyKey: "vault " + r.Params.IdempotencyKey, Body: body,
		Content: memory.Content{Text: r.Body.Text, Vault: true}, SaidAt: said,
	})
	if err != nil {
		return nil, withSafety(engineFailure("accept a memory", err), r.Body.Text, s.region)
	}
	w, err = s.remember(ctx, w, start, string(memory.WriteStored), nil)
	if err != nil {
		return nil, withSafety(err, r.Body.Text, s.region)
	}
	return StoreVaultItem202JSONResponse{Body: s.stored(w, r.Body.Text), Headers: StoreVaultItem202ResponseHeaders{Location: writeLink(w.ID)}}, nil
}

// ListVaultItems implements [StrictServerInterface].
func (s *Server) ListVaultItems(ctx context.Context, _ ListVaultItemsRequestObject) (ListVaultItemsResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	items, err := s.vault.Items(ctx, subject)
	if err != nil {
		return nil, engineFailure("list the vault", err)
	}
	return ListVaultItems200JSONResponse{Items: each(items, func(i memory.VaultItem) VaultItem {
		return VaultItem{Id: i.ID, SaidAt: i.SaidAt, RecordedAt: i.RecordedAt}
	})}, nil
}

// ReadVaultItem implements [StrictServerInterface].
func (s *Server) ReadVaultItem(ctx context.Context, r ReadVaultItemRequestObject) (ReadVaultItemResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.vault.Read(ctx, subject, r.ItemId)
	if err != nil {
		return nil, graphFailure("read from the vault", err)
	}
	return ReadVaultItem200JSONResponse(toStoredMemory(m)), nil
}

// DeleteVaultItem implements [StrictServerInterface].
func (s *Server) DeleteVaultItem(ctx context.Context, r DeleteVaultItemRequestObject) (DeleteVaultItemResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return DeleteVaultItem204Response{}, graphFailure("delete from the vault", s.vault.Delete(ctx, subject, r.ItemId))
}

// OpenVault implements [StrictServerInterface].
func (s *Server) OpenVault(ctx context.Context, r OpenVaultRequestObject) (OpenVaultResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.store.Session(ctx, subject, r.Body.SessionId); err != nil {
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: "/session_id", Reason: "names no session"})
	}
	o, err := s.vault.Open(ctx, subject, r.Body.SessionId)
	if err != nil {
		return nil, fmt.Errorf("open the vault: %w", err)
	}
	return OpenVault201JSONResponse{Id: o.ID, SessionId: o.Session, OpenedAt: o.OpenedAt, ExpiresAt: o.ExpiresAt}, nil
}

// CloseVault implements [StrictServerInterface].
func (s *Server) CloseVault(ctx context.Context, r CloseVaultRequestObject) (CloseVaultResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return CloseVault204Response{}, graphFailure("close the vault", s.vault.Close(ctx, subject, r.OpeningId))
}

// ListVaultAccesses implements [StrictServerInterface].
func (s *Server) ListVaultAccesses(ctx context.Context, r ListVaultAccessesRequestObject) (ListVaultAccessesResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	limit := or(r.Params.Limit, defaultPage)
	list, err := s.vault.Accesses(ctx, subject, orZero(r.Params.Cursor), limit+1)
	if err != nil {
		return nil, graphFailure("list accesses", err)
	}
	page := VaultAccesses{Accesses: each(list[:min(limit, len(list))], func(a memory.VaultAccess) VaultAccess {
		return VaultAccess{Id: a.ID, At: a.At, Act: as[VaultAccessAct](a.Act), MemoryId: a.Memory, SessionId: a.Session}
	})}
	if len(list) > limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListVaultAccesses200JSONResponse(page), nil
}
