package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"meai/internal/identity"
	"meai/internal/postgres"
)

// GetMe implements [StrictServerInterface].
func (s *Server) GetMe(ctx context.Context, _ GetMeRequestObject) (GetMeResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	return GetMe200JSONResponse{
		Principal: who.Principal, Subject: who.Subject, Roles: words(who.Roles), Method: as[MeMethod](who.Method),
		Scopes: who.Scopes, AuthenticatedAt: who.AuthTime.UTC(), MultiFactor: who.MultiFactor,
	}, nil
}

// CreateAPIKey implements [StrictServerInterface].
func (s *Server) CreateAPIKey(ctx context.Context, r CreateAPIKeyRequestObject) (CreateAPIKeyResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	// A role that was given for a time must not outlive that time in a key.
	mine := slices.DeleteFunc(slices.Clone(who.Roles), func(r identity.Role) bool { return slices.Contains(who.Granted, r) })
	roles := mine
	if len(r.Body.Roles) > 0 {
		roles = each(r.Body.Roles, as[identity.Role, Role])
	}
	for i, role := range roles {
		if !slices.Contains(mine, role) {
			return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Pointer: fmt.Sprintf("/roles/%d", i), Reason: "must be a role that you always have"})
		}
	}
	lifetime := time.Duration(r.Body.Days) * 24 * time.Hour
	text, key, err := s.keys.IssueAPIKey(ctx, who, roles, each(r.Body.Scopes, as[string, Scope]), lifetime)
	if err != nil {
		return nil, fmt.Errorf("issue an API key: %w", err)
	}
	return CreateAPIKey201JSONResponse{
		Body:    IssuedAPIKey{Key: text, Details: toAPIKey(key)},
		Headers: CreateAPIKey201ResponseHeaders{Location: "/v1/api-keys/" + key.ID.String()},
	}, nil
}

// ListAPIKeys implements [StrictServerInterface].
func (s *Server) ListAPIKeys(ctx context.Context, r ListAPIKeysRequestObject) (ListAPIKeysResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	before, limit := uuid.Max, defaultPage
	if r.Params.Cursor != nil {
		before = *r.Params.Cursor
	}
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	keys, err := s.keys.APIKeys(ctx, who.Principal, before, int32(limit))
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	page := APIKeyPage{Keys: each(keys, toAPIKey)}
	if len(keys) == limit {
		page.NextCursor = &keys[limit-1].ID
	}
	return ListAPIKeys200JSONResponse(page), nil
}

// RevokeAPIKey implements [StrictServerInterface].
func (s *Server) RevokeAPIKey(ctx context.Context, r RevokeAPIKeyRequestObject) (RevokeAPIKeyResponseObject, error) {
	who, _ := identity.FromContext(ctx)
	key, err := s.keys.RevokeAPIKey(ctx, who, r.KeyId)
	if err != nil {
		return nil, fmt.Errorf("revoke an API key: %w", err)
	}
	return RevokeAPIKey200JSONResponse(toAPIKey(key)), nil
}

func toAPIKey(k postgres.APIKey) APIKey {
	return APIKey{
		Id: k.ID, Roles: slices.Clone(k.Roles), Scopes: slices.Clone(k.Scopes),
		CreatedAt: k.CreatedAt.UTC(), ExpiresAt: k.ExpiresAt.UTC(), RevokedAt: moment(k.RevokedAt),
	}
}

func words[T ~string](list []T) []string { return each(list, as[string, T]) }
