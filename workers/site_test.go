package workers

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"meai/activities/approval"
	"meai/activities/keys"
	"meai/activities/privacy/consent"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/erasure/stores"
	"meai/internal/audit"
	"meai/internal/codec"
	"meai/internal/enginetest"
	"meai/internal/keyring"
	"meai/internal/ledger"
	"meai/internal/postgres"
	"meai/workflows"
)

// site is queue privacy on the real engines, with a keyring in three folders.
type site struct {
	db        *postgres.DB
	urls      enginetest.URLs
	dir       string
	keys      *keyring.Keyring
	temporal  client.Client
	namespace string
	starter   *workflows.Starter
	consents  *consent.Store
	caps      Capabilities
	group     *Group
}

func newSite(t *testing.T) *site {
	t.Helper()
	db, urls := enginetest.Database(t)
	s := &site{db: db, urls: urls, dir: t.TempDir(), namespace: "keys-test"}
	s.keys = s.openKeyring(t)
	address := enginetest.Config(t).Temporal.Address
	s.ensureNamespace(t, address)
	dc := codec.DataConverter(s.keys)
	var err error
	s.temporal, err = client.Dial(client.Options{
		HostPort: address, Namespace: s.namespace, Logger: enginetest.Logger(t),
		DataConverter: dc, FailureConverter: codec.FailureConverter(dc),
	})
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	s.starter = &workflows.Starter{Client: s.temporal, Active: db.CheckActive}
	log := audit.New(audit.Options{DB: db, Keys: s.keys})
	s.caps.Keys = &keys.Activities{
		Keyring: s.keys, DB: db, Temporal: s.temporal, Namespace: s.namespace, Audit: log, Straggling: time.Millisecond,
	}
	s.consents = &consent.Store{DB: db, Keys: s.keys, Audit: log}
	s.caps.Consents = s.consents
	s.caps.Approval = s.approvals(t, log)
	s.caps.Keys.Ledger, s.consents.Ledger = s.caps.Approval.Ledger, s.caps.Approval.Ledger
	places, err := stores.Tables(t.Context(), db)
	require.NoError(t, err)
	places = append(places, &stores.Account{DB: db}, &stores.Records{DB: db})
	s.caps.Erasure = &erasure.Activities{
		Store: &erasure.Store{DB: db, Keys: s.keys, Audit: log, Ledger: s.caps.Approval.Ledger, CoolingOff: time.Hour, Stores: places, Approve: s.caps.Approval.Use},
		Keys:  s.caps.Keys, Log: enginetest.Logger(t),
	}
	s.startWorkers(t)
	t.Cleanup(func() { s.group.Stop() })
	return s
}

func (s *site) approvals(t *testing.T, log *audit.Log) *approval.Activities {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{Buckets: []string{"file://" + s.dir + "/ledger?create_dir=true"}, Key: ledger.KeyOf(s.keys)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	store := &approval.Store{DB: s.db, Keys: s.keys, Audit: log}
	return &approval.Activities{Store: store, Ledger: ledger.NewCommitter(l, s.db, map[ledger.Kind]ledger.Applier{
		ledger.ApprovalGiven: store.ApplyGiven, ledger.ApprovalUsed: store.ApplyUsed, ledger.ErasureCompleted: keys.ApplyErased(log, s.keys),
		ledger.ConsentWithdrawn: s.consents.ApplyWithdrawn, ledger.RestrictionPlaced: s.consents.ApplyRestricted, ledger.RestrictionLifted: s.consents.ApplyLifted,
		ledger.ErasureRequested: erasure.ApplyRequested(s.keys, log), ledger.ErasureCancelled: erasure.ApplyCancelled(log),
	})}
}

// approved is the approval of two others to destroy a person's keys.
func (s *site) approved(t *testing.T, subject uuid.UUID) uuid.UUID {
	t.Helper()
	a := s.caps.Approval
	asked, err := a.Store.Ask(t.Context(), approval.Asked{
		Key: uuid.NewString(), Act: approval.EarlyDelete, Parameters: map[string]string{"subject": subject.String()},
		Requester: uuid.New(), Reason: "They asked for it.", Lifetime: time.Hour, Role: "operator",
	})
	require.NoError(t, err)
	for range 2 {
		decision, err := a.Store.Sign(t.Context(), approval.Decision{Approval: asked.ID, Approver: uuid.New(), Approves: true})
		require.NoError(t, err)
		_, err = a.Record(t.Context(), decision)
		require.NoError(t, err)
	}
	_, err = a.Conclude(t.Context(), approval.Ref{ID: asked.ID})
	require.NoError(t, err)
	return asked.ID
}

func (s *site) folder(i int) string { return filepath.Join(s.dir, fmt.Sprint("replica", i)) }

func (s *site) openKeyring(t *testing.T) *keyring.Keyring {
	t.Helper()
	k, err := openReplicas(s.dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func (s *site) ensureNamespace(t *testing.T, address string) {
	t.Helper()
	c, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: enginetest.Logger(t)})
	require.NoError(t, err)
	defer c.Close()
	err = c.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: s.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if _, exists := err.(*serviceerror.NamespaceAlreadyExists); !exists {
		require.NoError(t, err)
	}
}

func (s *site) startWorkers(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() (started bool) { // a new namespace takes a moment
		var err error
		s.group, err = Start(s.temporal, declaration(t), []string{workflows.QueuePrivacy, workflows.QueueOperations}, s.caps, enginetest.Logger(t))
		return err == nil
	}, time.Minute, 200*time.Millisecond)
}
