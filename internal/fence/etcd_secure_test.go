package fence_test

import (
	"crypto/tls"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meai/internal/fence"
	"meai/internal/fence/fencetest"
	"meai/internal/mtls"
	"meai/internal/mtls/mtlstest"
)

func theLastNoteCounts(t *testing.T, s subject) {
	require.NoError(t, s.one.Note(t.Context(), "drills/1", json.RawMessage(`{"n":1}`)))
	require.NoError(t, s.one.Note(t.Context(), "drills/2", json.RawMessage(`{"n":2}`)))
	require.NoError(t, s.other.Note(t.Context(), "drills/1", json.RawMessage(`{"n":3}`)))
	require.NoError(t, s.one.Note(t.Context(), "replication", json.RawMessage(`{}`)))
	notes, err := s.other.Notes(t.Context(), "drills/")
	require.NoError(t, err)
	require.Equal(t, map[string]json.RawMessage{"1": json.RawMessage(`{"n":3}`), "2": json.RawMessage(`{"n":2}`)}, notes)
}

// secret is an etcd that speaks TLS alone, with what a process is given to reach it.
func secret(t *testing.T, flags ...string) (*fencetest.Cluster, *mtlstest.Authority) {
	t.Helper()
	authority, files := mtlstest.NewAuthority(t), mtlstest.NewFiles(t)
	authority.Write(t, files, mtlstest.Certificate{})
	for i, flag := range flags {
		if flag == "CA" {
			flags[i] = files.CA
		}
	}
	return fencetest.Start(t, 1, append(flags, "--cert", files.Certificate, "--key", files.Key)...), authority
}

func reads(t *testing.T, o fence.EtcdOptions) error {
	t.Helper()
	o.Cluster, o.Timeout = "test", time.Second
	register, err := fence.OpenEtcd(o)
	if err != nil {
		return err
	}
	t.Cleanup(func() { require.NoError(t, register.Close()) })
	_, err = register.Read(t.Context())
	return err
}

func TestEtcdIsReachedOverTLSWithTheProcesssOwnCertificate(t *testing.T) {
	cluster, authority := secret(t, "--client-ca", "CA")
	require.Contains(t, cluster.Endpoints[0], "https://")
	files := mtlstest.NewFiles(t)
	authority.Write(t, files, mtlstest.Certificate{ID: "spiffe://example.org/meai/region"})
	own, err := mtls.Open(t.Context(), files.Options("example.org"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, own.Close()) })
	register, err := fence.OpenEtcd(fence.EtcdOptions{Endpoints: cluster.Endpoints, Cluster: "test", Timeout: patience, TLS: own.Client})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, register.Close()) })
	require.NoError(t, register.Begin(t.Context(), "a", fence.Async))
	require.Equal(t, "a", read(t, register).Desired.Value.Region)

	require.Error(t, reads(t, fence.EtcdOptions{Endpoints: cluster.Endpoints}), "nobody of the system's authorities signed that")
	require.Error(t, reads(t, fence.EtcdOptions{Endpoints: cluster.Endpoints, TLS: func(host string) *tls.Config {
		config := authority.Client(t, nil, nil)
		config.ServerName = host
		return config
	}}), "etcd wants a certificate")
	require.Error(t, reads(t, fence.EtcdOptions{Endpoints: cluster.Endpoints, TLS: func(string) *tls.Config { return own.Client("elsewhere.example") }}),
		"the member's certificate is for another host")
}

func TestEtcdKnowsItsUsers(t *testing.T) {
	cluster, authority := secret(t)
	trusting := func(host string) *tls.Config {
		config := authority.Client(t, nil, nil)
		config.ServerName = host
		return config
	}
	admin, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints, TLS: trusting("127.0.0.1"), DialTimeout: patience})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, admin.Close()) })
	ctx := t.Context()
	for _, do := range []func() error{
		func() error { _, err := admin.UserAdd(ctx, "root", "rooted"); return err },
		func() error { _, err := admin.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := admin.RoleAdd(ctx, "meai"); return err },
		func() error {
			_, err := admin.RoleGrantPermission(ctx, "meai", "/meai/test/", clientv3.GetPrefixRangeEnd("/meai/test/"), clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func() error { _, err := admin.UserAdd(ctx, "meai", "hunter2"); return err },
		func() error { _, err := admin.UserGrantRole(ctx, "meai", "meai"); return err },
		func() error { _, err := admin.AuthEnable(ctx); return err },
	} {
		require.NoError(t, do())
	}
	options := fence.EtcdOptions{Endpoints: cluster.Endpoints, Cluster: "test", Timeout: 2 * time.Second, TLS: trusting, User: "meai", Password: "hunter2"}
	register, err := fence.OpenEtcd(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, register.Close()) })
	require.NoError(t, register.Begin(ctx, "a", fence.Async))
	lease, _, now := primary(t, register)
	_, now, err = register.Renew(ctx, lease)
	require.NoError(t, err)
	runner, err := register.Elect(ctx, "one", "test")
	require.NoError(t, err)
	require.NoError(t, runner.Close(ctx))
	require.NoError(t, register.Announce(ctx, fence.AgentStatus{Region: "a"}))

	// A member that starts anew has forgotten the token.
	cluster.Kill(t, 0)
	cluster.Restart(t, 0)
	require.Eventually(t, func() bool {
		return register.Change(ctx, now, now.Desired.Value.Next("b", "one", time.Now())) == nil
	}, patience, 50*time.Millisecond)

	require.Error(t, reads(t, fence.EtcdOptions{Endpoints: cluster.Endpoints, TLS: trusting}), "nobody")
	require.Error(t, reads(t, fence.EtcdOptions{Endpoints: cluster.Endpoints, TLS: trusting, User: "meai", Password: "wrong"}))
	options.Cluster = "other"
	other, err := fence.OpenEtcd(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	_, err = other.Read(ctx)
	require.ErrorContains(t, err, "permission denied", "the role is for one cluster's records")

	away := append([]string{"https://127.0.0.1:1"}, cluster.Endpoints...)
	require.NoError(t, reads(t, fence.EtcdOptions{Endpoints: away, TLS: trusting, User: "meai", Password: "hunter2"}), "a member that is away keeps nobody from the others")
}

func TestAPasswordIsNotSentInTheOpen(t *testing.T) {
	open, secure := "http://127.0.0.1:1", "https://127.0.0.1:1"
	for name, c := range map[string]struct {
		options fence.EtcdOptions
		why     string
	}{
		"in the open":         {fence.EtcdOptions{Endpoints: []string{open}, User: "meai", Password: "hunter2"}, "in the open"},
		"one of them so":      {fence.EtcdOptions{Endpoints: []string{secure, open}, User: "meai", Password: "hunter2"}, "some are not"},
		"without a password":  {fence.EtcdOptions{Endpoints: []string{secure}, User: "meai"}, "come together"},
		"nobody's password":   {fence.EtcdOptions{Endpoints: []string{secure}, Password: "hunter2"}, "come together"},
		"half of the members": {fence.EtcdOptions{Endpoints: []string{open, secure}}, "some are not"},
	} {
		c.options.Cluster, c.options.Timeout = "test", 10*time.Millisecond
		_, err := fence.OpenEtcd(c.options)
		require.ErrorContains(t, err, c.why, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}
