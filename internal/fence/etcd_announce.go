package fence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Names below which there is a record for each agent, observer and failover.
const (
	underAgents    = "agents/"
	underObservers = "observers/"
	underFailovers = "failovers/"
	underNotes     = "notes/"
)

// Watch signals after each change of what Read returns.
func (e *Etcd) Watch(ctx context.Context) <-chan struct{} {
	signals := make(chan struct{}, 1)
	signals <- struct{}{}
	go func() {
		defer close(signals)
		for ctx.Err() == nil {
			e.watchOnce(ctx, signals)
		}
	}()
	return signals
}

// watchOnce watches until the register ends the watch, as it does when it compacts what was not seen yet, or until another
// member is asked: the one that is watched may be silent.
func (e *Etcd) watchOnce(ctx context.Context, signals chan<- struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked := e.good.Load()
	answers := e.members[asked].client.Load().Watch(clientv3.WithRequireLeader(ctx), e.prefix, clientv3.WithPrefix())
	ticks := time.NewTicker(e.timeout)
	defer ticks.Stop()
	for e.good.Load() == asked {
		select {
		case answer, open := <-answers:
			if !open {
				e.rest(ctx)
				return
			}
			e.signal(answer, signals)
		case <-ticks.C:
		}
	}
	// What has changed since is read now.
	select {
	case signals <- struct{}{}:
	default:
	}
}

// signal passes on that a record has changed.
func (e *Etcd) signal(answer clientv3.WatchResponse, signals chan<- struct{}) {
	relevant := answer.Err() != nil // something may have been missed
	for _, event := range answer.Events {
		relevant = relevant || e.isRecord(string(event.Kv.Key))
	}
	if !relevant {
		return
	}
	select {
	case signals <- struct{}{}:
	default: // one is waiting already
	}
}

// rest: a watch ends when its member has no leader. Another one is asked, but not in a tight loop.
func (e *Etcd) rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(e.timeout):
	}
}

func (e *Etcd) isRecord(key string) bool {
	return !strings.Contains(strings.TrimPrefix(key, e.prefix), "/")
}

// Announce says how an agent is.
func (e *Etcd) Announce(ctx context.Context, status AgentStatus) error {
	return e.say(ctx, underAgents+status.Region, status)
}

// Judge says what an observer sees.
func (e *Etcd) Judge(ctx context.Context, verdict Verdict) error {
	return e.say(ctx, underObservers+verdict.Site, verdict)
}

// say keeps a record under a lease that it renews.
func (e *Etcd) say(ctx context.Context, name string, value any) error {
	return e.try(ctx, "announce "+name, func(ctx context.Context) error {
		err := e.sayUnderLease(ctx, name, value)
		if !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return err
		}
		// The last time was too long ago.
		e.forget(name)
		return e.sayUnderLease(ctx, name, value)
	})
}

func (e *Etcd) sayUnderLease(ctx context.Context, name string, value any) error {
	lease, err := e.announcing(ctx, name)
	if err != nil {
		return err
	}
	_, err = e.client().Do(ctx, e.put(name, value, clientv3.WithLease(lease)))
	return err
}

// announcing is the lease for a name, renewed or taken.
func (e *Etcd) announcing(ctx context.Context, name string) (clientv3.LeaseID, error) {
	e.mu.Lock()
	lease := e.announce[name]
	e.mu.Unlock()
	if lease != 0 {
		_, err := e.client().KeepAliveOnce(ctx, lease)
		return lease, err
	}
	granted, err := e.client().Grant(ctx, int64(AnnounceTTL/time.Second))
	if err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.announce[name] = granted.ID
	return granted.ID, nil
}

func (e *Etcd) forget(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.announce, name)
}

// Agents are the agents that announced themselves lately.
func (e *Etcd) Agents(ctx context.Context) (map[string]AgentStatus, error) {
	return list[AgentStatus](ctx, e, underAgents)
}

// Verdicts are those of the observers that judged lately.
func (e *Etcd) Verdicts(ctx context.Context) (map[string]Verdict, error) {
	return list[Verdict](ctx, e, underObservers)
}

// Note keeps something under a name.
func (e *Etcd) Note(ctx context.Context, name string, note json.RawMessage) error {
	return e.try(ctx, "note "+name, func(ctx context.Context) error {
		_, err := e.client().Do(ctx, e.put(underNotes+name, note))
		return err
	})
}

// Notes are those whose names begin with a prefix.
func (e *Etcd) Notes(ctx context.Context, prefix string) (map[string]json.RawMessage, error) {
	return list[json.RawMessage](ctx, e, underNotes+prefix)
}

// list reads all records below a name, by the rest of their names.
func list[T any](ctx context.Context, e *Etcd, under string) (map[string]T, error) {
	var records map[string]T
	err := e.try(ctx, "read "+under, func(ctx context.Context) error {
		answer, err := e.client().Get(ctx, e.prefix+under, clientv3.WithPrefix())
		if err != nil {
			return err
		}
		records = make(map[string]T, len(answer.Kvs))
		for _, kv := range answer.Kvs {
			var record T
			if err := json.Unmarshal(kv.Value, &record); err != nil {
				return fmt.Errorf("read the record %s: %w", kv.Key, err)
			}
			records[strings.TrimPrefix(string(kv.Key), e.prefix+under)] = record
		}
		return nil
	})
	return records, err
}
