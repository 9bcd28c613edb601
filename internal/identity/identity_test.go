package identity_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/identity"
)

const subject = "0192b1a4-0000-7000-8000-000000000001"

func TestDevelopmentTokens(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string
		off     bool
		want    error
	}{
		{name: "accepted", headers: []string{"Bearer dev-" + subject}},
		{name: "scheme in any case", headers: []string{"bearer dev-" + subject}},
		{name: "no header", want: identity.ErrNoCredentials},
		{name: "switched off", headers: []string{"Bearer dev-" + subject}, off: true, want: identity.ErrDevelopmentOff},
		{name: "other token while switched off", headers: []string{"Bearer eyJhbGciOi"}, off: true, want: identity.ErrBadCredentials},
		{name: "other scheme", headers: []string{"Basic dev-" + subject}, want: identity.ErrBadCredentials},
		{name: "empty token", headers: []string{"Bearer "}, want: identity.ErrBadCredentials},
		{name: "two headers", headers: []string{"Bearer dev-" + subject, "Bearer dev-" + subject}, want: identity.ErrBadCredentials},
		{name: "no UUID", headers: []string{"Bearer dev-anna"}, want: identity.ErrBadCredentials},
		{name: "UUID in another spelling", headers: []string{"Bearer dev-{" + subject + "}"}, want: identity.ErrBadCredentials},
		{name: "nobody's UUID", headers: []string{"Bearer dev-" + uuid.Nil.String()}, want: identity.ErrBadCredentials},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			for _, h := range c.headers {
				r.Header.Add("Authorization", h)
			}
			caller, err := identity.Development{Enabled: !c.off}.Authenticate(r)
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				require.Equal(t, uuid.MustParse(subject), caller.Subject)
			}
		})
	}
}

func TestCallerTravelsInTheContext(t *testing.T) {
	_, ok := identity.FromContext(context.Background())
	require.False(t, ok)
	caller := identity.Caller{Subject: uuid.MustParse(subject)}
	got, ok := identity.FromContext(identity.WithCaller(context.Background(), caller))
	require.True(t, ok)
	require.Equal(t, caller, got)
}
