package fence

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// The claim lies apart from the records that Read returns: guards need not hear of it.
const keyClaim = "claims/failover"

// Claim makes the failover the only one under way.
func (e *Etcd) Claim(ctx context.Context, failover string) (string, error) {
	holder := failover
	err := e.try(ctx, "claim the regions", func(ctx context.Context) error {
		_, answer, err := e.commit(ctx, []clientv3.Cmp{e.unchanged(keyClaim, 0)},
			[]clientv3.Op{e.put(keyClaim, failover)}, []clientv3.Op{clientv3.OpGet(e.prefix + keyClaim)})
		if err != nil || answer.Succeeded {
			return err
		}
		var claimed Entry[string]
		if err := entry(answer.Responses[0], &claimed); err != nil {
			return err
		}
		if holder = claimed.Value; holder != failover {
			return ErrHeld
		}
		return nil
	})
	return holder, err
}

// Disclaim ends a claim.
func (e *Etcd) Disclaim(ctx context.Context, failover string) error {
	return e.try(ctx, "end the claim of the regions", func(ctx context.Context) error {
		claimed, err := e.claimed(ctx)
		if err != nil || !claimed.Exists() || claimed.Value != failover {
			return err
		}
		_, _, err = e.commit(ctx, []clientv3.Cmp{e.unchanged(keyClaim, claimed.Revision)},
			[]clientv3.Op{clientv3.OpDelete(e.prefix + keyClaim)}, nil)
		return err
	})
}

// Claimed is the failover under way, or empty.
func (e *Etcd) Claimed(ctx context.Context) (string, error) {
	var claimed Entry[string]
	err := e.try(ctx, "read whose the regions are", func(ctx context.Context) (err error) {
		claimed, err = e.claimed(ctx)
		return err
	})
	return claimed.Value, err
}

func (e *Etcd) claimed(ctx context.Context) (Entry[string], error) {
	var claimed Entry[string]
	_, answer, err := e.commit(ctx, nil, []clientv3.Op{clientv3.OpGet(e.prefix + keyClaim)}, nil)
	if err != nil {
		return claimed, err
	}
	err = entry(answer.Responses[0], &claimed)
	return claimed, err
}

// Entries are a failover's entries by name.
func (e *Etcd) Entries(ctx context.Context, failover string) (map[string]json.RawMessage, error) {
	entries, err := list[json.RawMessage](ctx, e, underFailovers+failover+"/")
	delete(entries, runnerEntry)
	return entries, err
}

// Failovers are the ids of all failovers that have entries.
func (e *Etcd) Failovers(ctx context.Context) ([]string, error) {
	entries, err := list[json.RawMessage](ctx, e, underFailovers)
	ids := make([]string, 0)
	for name := range entries {
		if id, rest, _ := strings.Cut(name, "/"); rest != runnerEntry {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// runnerEntry is the name of the key that a failover's runner holds.
const runnerEntry = "runner"

// etcdRunner is a runner that holds its failover's key under a lease which is renewed by itself.
type etcdRunner struct {
	etcd     *Etcd
	failover string
	session  *concurrency.Session
	key      string
	created  int64 // the revision that made the key, which no other runner's has
}

// Elect makes the caller the failover's only runner.
func (e *Etcd) Elect(ctx context.Context, failover, name string) (Runner, error) {
	lease, err := e.Grant(ctx, RunnerTTL)
	if err != nil {
		return nil, err
	}
	id := clientv3.LeaseID(lease.ID)
	session, err := concurrency.NewSession(e.client(), concurrency.WithLease(id))
	if err != nil {
		return nil, errors.Join(err, e.revoke(ctx, id))
	}
	r := &etcdRunner{etcd: e, failover: failover, session: session, key: underFailovers + failover + "/" + runnerEntry}
	err = e.try(ctx, "elect a runner", func(ctx context.Context) error {
		_, answer, err := e.commit(ctx, []clientv3.Cmp{e.unchanged(r.key, 0)},
			[]clientv3.Op{e.put(r.key, name, clientv3.WithLease(id)), clientv3.OpGet(e.prefix + r.key)},
			[]clientv3.Op{clientv3.OpGet(e.prefix + r.key)})
		if err != nil {
			return err
		}
		kvs := answer.Responses[len(answer.Responses)-1].GetResponseRange().GetKvs()
		if len(kvs) == 0 || kvs[0].Lease != lease.ID {
			return ErrHeld
		}
		r.created = kvs[0].CreateRevision
		return nil
	})
	if err != nil {
		session.Orphan()
		return nil, errors.Join(err, e.revoke(ctx, id))
	}
	return r, nil
}

// Record writes an entry once.
func (r *etcdRunner) Record(ctx context.Context, name string, value json.RawMessage) (json.RawMessage, bool, error) {
	key := underFailovers + r.failover + "/" + name
	stored, written := value, false
	err := r.etcd.try(ctx, "record "+name, func(ctx context.Context) error {
		mine := clientv3.Compare(clientv3.CreateRevision(r.etcd.prefix+r.key), "=", r.created)
		get := clientv3.OpGet(r.etcd.prefix + key)
		_, answer, err := r.etcd.commit(ctx, []clientv3.Cmp{mine, r.etcd.unchanged(key, 0)},
			[]clientv3.Op{r.etcd.put(key, value)}, []clientv3.Op{get})
		if err != nil {
			return err
		}
		if written = answer.Succeeded; written {
			return nil
		}
		var there Entry[json.RawMessage]
		if err := entry(answer.Responses[0], &there); err != nil {
			return err
		}
		if !there.Exists() {
			return ErrLost
		}
		stored = there.Value
		return nil
	})
	return stored, written, err
}

// Lost is closed when somebody else may run the failover.
func (r *etcdRunner) Lost() <-chan struct{} { return r.session.Done() }

// Close lets others run it.
func (r *etcdRunner) Close(ctx context.Context) error {
	r.session.Orphan()
	ctx, cancel := context.WithTimeout(ctx, tries*r.etcd.timeout)
	defer cancel()
	return r.etcd.revoke(ctx, r.session.Lease())
}

var _ Runner = (*etcdRunner)(nil)
