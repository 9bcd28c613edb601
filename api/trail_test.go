package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api"
	"meai/internal/audit"
)

// unwritable is an audit log that cannot be written to.
type unwritable struct {
	api.AuditLog
	tries []audit.Act
}

func (*unwritable) Object(context.Context, audit.Kind, string) (audit.HMAC, error) {
	return audit.HMAC{1}, nil
}

func (*unwritable) Person(context.Context, uuid.UUID) (string, error) { return "a1", nil }

func (u *unwritable) Record(_ context.Context, e audit.Entry) (int64, error) {
	u.tries = append(u.tries, e.Act)
	return 0, errors.New("the database is down")
}

// TestARefusalStandsThoughItCannotBeRecorded: and the next one is tried again.
func TestARefusalStandsThoughItCannotBeRecorded(t *testing.T) {
	log := &unwritable{}
	p := newSite(t, func(o *api.Options) { o.Audit = log }).person()
	for range 2 {
		refused(t, p.do(t, get("/v1/audit/checkpoint")), http.StatusForbidden, "forbidden")
	}
	require.Equal(t, []audit.Act{audit.AccessDenied, audit.AccessDenied}, log.tries)
}
