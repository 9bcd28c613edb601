package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/durationpb"
)

// failOver says in the register that writes belong in the other region, as meai failover does after all that has to come
// before.
func (l *twoRegionsLab) failOver(t *testing.T, to string, epoch int64) {
	t.Helper()
	register, err := clientv3.New(clientv3.Config{Endpoints: l.Etcd["c"], DialTimeout: 10 * time.Second, Logger: zap.NewNop()})
	require.NoError(t, err)
	defer func() { require.NoError(t, register.Close()) }()
	desired, err := json.Marshal(map[string]any{"region": to, "epoch": epoch, "failover": "lab-test", "lossless": true, "since": time.Now()})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = register.Put(ctx, "/meai/meai/desired", string(desired))
	require.NoError(t, err)
}

// testFailover kills the primary's region and has the other promoted: the Temporal there finds what the first one left.
func (l *twoRegionsLab) testFailover(t *testing.T) {
	l.write(t, "a", "before the failover")
	l.requireArrives(t, "b", "before the failover")
	require.NoError(t, registerNamespace(t, l.Sites["a"].Temporal))
	l.say(t, "region", "kill", "a")
	killed := time.Now()
	l.failOver(t, "b", 2)
	require.Eventually(t, func() bool {
		return l.ask(t, "b", "create table if not exists words (word text); insert into words values ('written in b')") == nil
	}, time.Minute, 20*time.Millisecond, "b takes writes\n%s", l.out.String())
	promoted := time.Now()
	require.Eventually(t, func() bool { return namespaceIsThere(t, l.Sites["b"].Temporal) },
		time.Minute, 20*time.Millisecond, "Temporal of b has the namespace of a\n%s", l.out.String())
	t.Logf("b takes writes %.1f s after the death of a; its Temporal serves %.1f s later", promoted.Sub(killed).Seconds(), time.Since(promoted).Seconds())
	require.True(t, l.has(t, "b", "before the failover"))

	l.say(t, "region", "start", "a")
	l.requireArrives(t, "a", "written in b")
	require.ErrorContains(t, l.ask(t, "a", "insert into words values ('no')"), "read-only")
	require.Eventually(t, func() bool { return program("status", "--data", l.Data).Run() == nil }, time.Minute, 200*time.Millisecond)
	require.Contains(t, l.say(t, "status"), "this region is primary")
	require.Error(t, askNamespace(t, l.Sites["a"].Temporal), "a's Temporal does not serve")
}

const namespace = "of-the-first-region"

// registerNamespace makes the namespace; it is an error where it exists or nobody serves.
func registerNamespace(t *testing.T, address string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: silent{}})
	if err != nil {
		return err
	}
	defer namespaces.Close()
	return namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
}

func askNamespace(t *testing.T, address string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: silent{}})
	if err != nil {
		return err
	}
	defer namespaces.Close()
	_, err = namespaces.Describe(ctx, namespace)
	return err
}

func namespaceIsThere(t *testing.T, address string) bool {
	t.Helper()
	err := askNamespace(t, address)
	require.NotErrorAs(t, err, new(*serviceerror.NamespaceNotFound), "the copy lacks what the first region had")
	return err == nil
}

// silent keeps the client from logging that nobody serves yet.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
