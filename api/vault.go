package api

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"meai/activities/memory"
	"meai/internal/failure"
)

// Vault keeps a person's most private memories; [memory.Vaults] is the real one. Consent is
// in every request, and the policies ask for the fresh proof.
type Vault interface {
	Items(ctx context.Context, subject uuid.UUID) ([]memory.VaultItem, error)
	Read(ctx context.Context, subject, id uuid.UUID) (memory.Memory, error)
	Delete(ctx context.Context, subject, id uuid.UUID) (memory.Forgetting, error)
	Open(ctx context.Context, subject, session uuid.UUID) (memory.VaultOpening, error)
	Close(ctx context.Context, subject, opening uuid.UUID) error
	Accesses(ctx context.Context, subject, before uuid.UUID, limit int) ([]memory.VaultAccess, error)
}

// StoreVaultItem implements [StrictServerInterface].
func (s *Server) StoreVaultItem(ctx context.Context, r StoreVaultItemRequestObject) (StoreVaultItemResponseObject, error) {
	w, err := s.storeWords(ctx, *r.Body, r.Body.Text, r.Body.SaidAt, memory.Offer{
		IdempotencyKey: "vault " + r.Params.IdempotencyKey, Content: memory.Content{Text: r.Body.Text, Vault: true},
	}, waiting{until: string(memory.WriteStored)})
	if err != nil {
		return nil, err
	}
	return StoreVaultItem202JSONResponse{Body: w, Headers: StoreVaultItem202ResponseHeaders{Location: "/v1/vault/items"}}, nil
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
	f, err := s.vault.Delete(ctx, subject, r.ItemId)
	if err != nil {
		return nil, graphFailure("delete from the vault", err)
	}
	if err := s.engine.StartForgetting(ctx, memory.ForgettingRef{Subject: subject, Forgetting: f.ID}); err != nil {
		return nil, fmt.Errorf("start a forgetting: %w", err)
	}
	return DeleteVaultItem202JSONResponse(toForgetting(f)), nil
}

// OpenVault implements [StrictServerInterface].
func (s *Server) OpenVault(ctx context.Context, r OpenVaultRequestObject) (OpenVaultResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.store.Session(ctx, subject, r.Body.SessionId)
	if err != nil && !failure.Is(err, failure.NotFound) {
		return nil, engineFailure("look for the session", err)
	}
	if err != nil {
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
	if failure.Is(err, failure.NotFound) {
		return nil, unknownCursor()
	}
	if err != nil {
		return nil, engineFailure("list accesses", err)
	}
	page := VaultAccesses{Accesses: each(list[:min(limit, len(list))], func(a memory.VaultAccess) VaultAccess {
		return VaultAccess{Id: a.ID, At: a.At, Act: as[VaultAccessAct](a.Act), MemoryId: a.Memory, SessionId: a.Session}
	})}
	if len(list) > limit {
		page.NextCursor = &list[limit-1].ID
	}
	return ListVaultAccesses200JSONResponse(page), nil
}
