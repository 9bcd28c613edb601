package identity_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"meai/internal/audit"
	"meai/internal/enginetest"
	"meai/internal/identity"
	"meai/internal/identity/identitytest"
	"meai/internal/keyring"
	"meai/internal/ledger"
)

var shared enginetest.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

// place is one installation: a database, a keyring, and processes that share them.
type place struct {
	urls    enginetest.URLs
	options keyring.Options
	ledger  string
}

func newPlace(t *testing.T) place {
	t.Helper()
	_, urls := shared.Database(t)
	dir := t.TempDir()
	return place{urls: urls, ledger: "file://" + dir + "/ledger?create_dir=true", options: keyring.Options{
		Bucket: "file://" + dir + "/keyring?create_dir=true", KEK: "file://" + dir + "/kek.key", Logger: slog.New(slog.DiscardHandler),
	}}
}

// process opens a directory as one more process does.
func (p place) process(t *testing.T) *identity.Directory {
	t.Helper()
	db, _ := shared.Database(t)
	keys, err := keyring.Open(t.Context(), p.options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keys.Close()) })
	book, err := ledger.Open(t.Context(), ledger.Options{Buckets: []string{p.ledger}, Key: ledger.KeyOf(keys), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, book.Close()) })
	d, err := identity.NewDirectory(identity.DirectoryOptions{
		DB: db, Keys: keys, Audit: audit.New(audit.Options{DB: db, Keys: keys}), Ledger: ledger.NewCommitter(book, db, nil),
	})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

func (p place) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	_, err = conn.Exec(t.Context(), statement, args...)
	require.NoError(t, err)
}

// ask authenticates a request with a bearer token.
func ask(t *testing.T, a identity.Authenticator, token string) (identity.Caller, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return a.Authenticate(r)
}

func caller(t *testing.T, a identity.Authenticator, token string) identity.Caller {
	t.Helper()
	c, err := ask(t, a, token)
	require.NoError(t, err)
	return c
}

func TestAccountsAreOpaqueAndStay(t *testing.T) {
	p := newPlace(t)
	issuer, other := identitytest.NewIssuer(t), identitytest.NewIssuer(t)
	name := "anna-" + uuid.NewString()
	token := issuer.Token(t, issuer.Claims(name, nil))
	first := identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: p.process(t)}
	anna := caller(t, first, token)
	require.NotEqual(t, uuid.Nil, anna.Principal)
	require.Equal(t, anna.Principal, anna.Subject)

	again := identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: p.process(t)}
	require.Equal(t, anna.Principal, caller(t, again, token).Principal, "another process knows the same id")
	require.NotEqual(t, anna.Principal, caller(t, first, issuer.Token(t, issuer.Claims(name+"x", nil))).Principal)

	elsewhere := identity.Bearer{Tokens: verifier(other, &clock{}), Directory: p.process(t)}
	require.NotEqual(t, anna.Principal, caller(t, elsewhere, other.Token(t, other.Claims(name, nil))).Principal,
		"the same name at another provider is somebody else")

	conn, err := pgx.Connect(t.Context(), p.urls.Owner)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	var named bool
	require.NoError(t, conn.QueryRow(t.Context(), "select exists (select from principals p where p::text like '%' || $1 || '%' or encode(p.identity_hmac, 'escape') like '%' || $1 || '%')", name).Scan(&named))
	require.False(t, named, "no row names anybody")

	p.sql(t, "delete from principals where id = $1", anna.Principal)
	fresh := identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: p.process(t)}
	require.NotEqual(t, anna.Principal, caller(t, fresh, token).Principal, "unlinked for good")
}

func TestSimultaneousFirstVisitsAreOnePerson(t *testing.T) {
	p := newPlace(t)
	issuer := identitytest.NewIssuer(t)
	token := issuer.Token(t, issuer.Claims(uuid.NewString(), nil))
	const processes = 6
	ids := make([]uuid.UUID, processes)
	var group sync.WaitGroup
	for i := range processes {
		b := identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: p.process(t)}
		group.Go(func() {
			if c, err := ask(t, b, token); err == nil {
				ids[i] = c.Principal
			}
		})
	}
	group.Wait()
	for _, id := range ids {
		require.NotEqual(t, uuid.Nil, id)
		require.Equal(t, ids[0], id)
	}
}

func TestRolesForATime(t *testing.T) {
	p := newPlace(t)
	issuer := identitytest.NewIssuer(t)
	token := issuer.Token(t, issuer.Claims(uuid.NewString(), claims{"roles": "operator"}))
	b := identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: p.process(t)}
	olga := caller(t, b, token)
	require.Equal(t, []identity.Role{identity.Operator}, olga.Roles)
	require.Equal(t, uuid.Nil, olga.Subject, "staff have no companion")

	has := func(r identity.Role) func() bool {
		return func() bool { return caller(t, b, token).Has(r) }
	}
	p.sql(t, "insert into role_grants (id, principal_id, role, granted_at, expires_at) values (gen_random_uuid(), $1, 'auditor', now() - interval '1 hour', now() + interval '8 seconds')", olga.Principal)
	require.Eventually(t, has(identity.Auditor), 5*time.Second, 100*time.Millisecond)
	require.Equal(t, []identity.Role{identity.Auditor}, caller(t, b, token).Granted)
	require.Eventually(t, func() bool { return !has(identity.Auditor)() }, 14*time.Second, 200*time.Millisecond, "it ends by itself")

	p.sql(t, "insert into role_grants (id, principal_id, role, expires_at) values (gen_random_uuid(), $1, 'admin', now() + interval '1 hour')", olga.Principal)
	require.Eventually(t, has(identity.Admin), 5*time.Second, 100*time.Millisecond)
	p.sql(t, "update role_grants set revoked_at = now() where principal_id = $1", olga.Principal)
	require.Eventually(t, func() bool { return !has(identity.Admin)() }, 5*time.Second, 100*time.Millisecond, "it can be taken back")
}

func TestAPIKeys(t *testing.T) {
	p := newPlace(t)
	issuer := identitytest.NewIssuer(t)
	d, other := p.process(t), p.process(t)
	b, far := identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: d}, identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: other}
	anna := caller(t, b, issuer.Token(t, issuer.Claims(uuid.NewString(), nil)))
	text, key, err := d.IssueAPIKey(t.Context(), anna, anna.Roles, []string{"memory"}, 24*time.Hour)
	require.NoError(t, err)

	got := caller(t, far, text)
	require.Equal(t, anna.Principal, got.Principal)
	require.Equal(t, anna.Subject, got.Subject)
	require.Equal(t, identity.APIKey, got.Method)
	require.Equal(t, key.ID, got.Key)
	require.Equal(t, []string{"memory"}, got.Scopes)
	require.False(t, got.SteppedUp(time.Now()))

	id, secret, ok := identity.ParseAPIKey(text)
	require.True(t, ok)
	secret[0] ^= 1
	_, err = ask(t, b, identity.FormatAPIKey(id, secret))
	require.ErrorIs(t, err, identity.ErrBadCredentials, "the id alone is no key")
	secret[0] ^= 1
	_, err = ask(t, b, identity.FormatAPIKey(uuid.New(), secret))
	require.ErrorIs(t, err, identity.ErrBadCredentials)

	_, err = d.RevokeAPIKey(t.Context(), identity.Caller{Principal: uuid.New()}, key.ID)
	require.Error(t, err, "somebody else's key cannot be revoked")
	caller(t, far, text)
	begun := time.Now()
	revoked, err := d.RevokeAPIKey(t.Context(), anna, key.ID)
	require.NoError(t, err)
	require.NotNil(t, revoked.RevokedAt)
	_, err = ask(t, b, text)
	require.ErrorIs(t, err, identity.ErrBadCredentials, "at once where it was revoked")
	require.Eventually(t, func() bool { _, err := ask(t, far, text); return err != nil }, 5*time.Second, 50*time.Millisecond,
		"and within five seconds elsewhere")
	t.Logf("revoked elsewhere after %v", time.Since(begun).Round(time.Millisecond))

	again, err := d.RevokeAPIKey(t.Context(), anna, key.ID)
	require.NoError(t, err)
	require.Equal(t, revoked.RevokedAt, again.RevokedAt, "a repeat changes nothing")
	list, err := d.APIKeys(t.Context(), anna.Principal, uuid.Max, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestExpiredAPIKeys(t *testing.T) {
	p := newPlace(t)
	d := p.process(t)
	b := identity.Bearer{Directory: d}
	principal := uuid.New()
	p.sql(t, "insert into principals (identity_hmac, id) values (sha256($1::uuid::text::bytea), $1::uuid)", principal)
	text, key, err := d.IssueAPIKey(t.Context(), identity.Caller{Principal: principal}, []identity.Role{identity.Person}, []string{"memory"}, 2*time.Second)
	require.NoError(t, err)
	caller(t, b, text)
	require.WithinDuration(t, time.Now().Add(2*time.Second), key.ExpiresAt, 5*time.Second)
	require.Eventually(t, func() bool { _, err := ask(t, b, text); return err != nil }, 8*time.Second, 100*time.Millisecond)

	kept, _, err := d.IssueAPIKey(t.Context(), identity.Caller{Principal: principal}, []identity.Role{identity.Person}, []string{"memory"}, time.Hour)
	require.NoError(t, err)
	p.sql(t, "delete from principals where id = $1", principal)
	require.Eventually(t, func() bool { _, err := ask(t, p.bearer(t), kept); return err != nil }, 5*time.Second, 100*time.Millisecond,
		"the keys go with the account")
}

func (p place) bearer(t *testing.T) identity.Bearer {
	return identity.Bearer{Directory: p.process(t)}
}

func TestTheDatabaseMayBeDown(t *testing.T) {
	p := newPlace(t)
	issuer := identitytest.NewIssuer(t)
	b := identity.Bearer{Tokens: verifier(issuer, &clock{}), Directory: p.process(t)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	r.Header.Set("Authorization", "Bearer "+issuer.Token(t, issuer.Claims(uuid.NewString(), nil)))
	_, err := b.Authenticate(r)
	require.ErrorIs(t, err, identity.ErrUnavailable)
}

func TestHeaders(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		want    error
	}{
		"none":         {nil, identity.ErrNoCredentials},
		"other scheme": {[]string{"Basic YTpi"}, identity.ErrBadCredentials},
		"empty":        {[]string{"Bearer "}, identity.ErrBadCredentials},
		"two":          {[]string{"Bearer a", "Bearer b"}, identity.ErrBadCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header["Authorization"] = c.headers
			_, err := identity.Bearer{}.Authenticate(r)
			require.ErrorIs(t, err, c.want)
		})
	}
}
