package fence

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Read is what the register says now.
func (e *Etcd) Read(ctx context.Context) (Snapshot, error) {
	var read Snapshot
	err := e.try(ctx, "read the register", func(ctx context.Context) (err error) {
		read, err = e.read(ctx)
		return err
	})
	return read, err
}

func (e *Etcd) read(ctx context.Context) (Snapshot, error) {
	_, answer, err := e.commit(ctx, nil, e.all(), nil)
	if err != nil {
		return Snapshot{}, err
	}
	return snapshot(answer)
}

// write carries out a transaction and returns what the register says then. Where its conditions do not hold and the
// register does not say what was to be written, as done tells, that is [ErrConflict].
func (e *Etcd) write(ctx context.Context, what string, conditions []clientv3.Cmp, then []clientv3.Op, done func(Snapshot) bool) (Snapshot, error) {
	var after Snapshot
	err := e.try(ctx, what, func(ctx context.Context) error {
		_, answer, err := e.commit(ctx, conditions, append(then, e.all()...), e.all())
		if err != nil {
			return err
		}
		if after, err = snapshot(answer); err != nil {
			return err
		}
		if !answer.Succeeded && !done(after) {
			return ErrConflict
		}
		return nil
	})
	return after, err
}

// Begin writes the first desired record and the mode.
func (e *Etcd) Begin(ctx context.Context, region string, mode Replication) error {
	now := time.Now()
	_, err := e.write(ctx, "begin the register",
		[]clientv3.Cmp{e.unchanged(keyDesired, 0)},
		[]clientv3.Op{
			e.put(keyDesired, Desired{Region: region, Epoch: 1, Since: now}),
			e.put(keyMode, Mode{Replication: mode, Region: region, Epoch: 1, Since: now}),
		},
		func(Snapshot) bool { return false })
	return err
}

// Change replaces the desired record.
func (e *Etcd) Change(ctx context.Context, read Snapshot, to Desired) error {
	conditions := []clientv3.Cmp{
		e.unchanged(keyDesired, read.Desired.Revision), e.unchanged(keyMode, read.Mode.Revision), e.unchanged(keyLast, read.Last.Revision),
		e.unchanged(underFailovers+to.Failover+"/"+Withdrawn, 0),
	}
	if !mayChange(read, to) {
		conditions = append(conditions, e.unchanged(keyDesired, -1)) // never holds: only what is done already will do
	}
	_, err := e.write(ctx, "change the desired region", conditions, []clientv3.Op{e.put(keyDesired, to)},
		func(s Snapshot) bool { return isChanged(s, to) })
	return err
}

// mayChange tells whether a change follows the rules.
func mayChange(read Snapshot, to Desired) bool {
	from := read.Desired.Value
	return read.Desired.Exists() && to.Region != from.Region && to.Epoch == from.Epoch+1 &&
		(!to.Lossless || read.Mode.Value.Replication == Sync)
}

// isChanged tells whether the register says already what a failover wants.
func isChanged(now Snapshot, to Desired) bool {
	is := now.Desired.Value
	return to.Failover != "" && is.Failover == to.Failover && is.Region == to.Region && is.Epoch == to.Epoch && is.Lossless == to.Lossless
}

// Grant takes a lease for the key "primary".
func (e *Etcd) Grant(ctx context.Context, ttl time.Duration) (Lease, error) {
	var lease Lease
	err := e.try(ctx, "take a lease", func(ctx context.Context) error {
		sent := e.clock() // before it is asked for: it may count from then on
		granted, err := e.client().Grant(ctx, int64(ttl/time.Second))
		if err == nil {
			lease = Lease{ID: int64(granted.ID), Sent: sent, TTL: time.Duration(granted.TTL) * time.Second}
		}
		return err
	})
	return lease, err
}

// Acquire makes the holder primary under the lease.
func (e *Etcd) Acquire(ctx context.Context, read Snapshot, lease Lease, holder Holder) (Snapshot, error) {
	if desired := read.Desired.Value; desired.Region != holder.Region || desired.Epoch != holder.Epoch {
		return Snapshot{}, ErrConflict
	}
	return e.write(ctx, "become primary",
		[]clientv3.Cmp{
			e.unchanged(keyDesired, read.Desired.Revision),
			e.unchanged(keyLast, read.Last.Revision),
			e.unchanged(keyPrimary, 0),
		},
		[]clientv3.Op{
			e.put(keyPrimary, holder, clientv3.WithLease(clientv3.LeaseID(lease.ID))),
			e.put(keyLast, read.Last.Value.followed(holder)),
		},
		func(s Snapshot) bool { return s.Primary.Exists() && s.Primary.Value == holder })
}

// Renew renews the lease and reads then.
func (e *Etcd) Renew(ctx context.Context, lease Lease) (Lease, Snapshot, error) {
	renewed, read := lease, Snapshot{}
	err := e.try(ctx, "renew the lease", func(ctx context.Context) error {
		sent := e.clock() // before it is asked for
		answer, err := e.client().KeepAliveOnce(ctx, clientv3.LeaseID(lease.ID))
		if err != nil {
			return err
		}
		renewed.Sent, renewed.TTL = sent, time.Duration(answer.TTL)*time.Second
		read, err = e.read(ctx)
		return err
	})
	if err != nil {
		return lease, Snapshot{}, err
	}
	return renewed, read, nil
}

// Release records the proof for the last holder and removes the key "primary".
func (e *Etcd) Release(ctx context.Context, holder Holder, lease Lease, proof Proof) error {
	err := e.try(ctx, "release the primary", func(ctx context.Context) error {
		read, err := e.read(ctx)
		if err != nil {
			return err
		}
		last := read.Last.Value
		if !read.Last.Exists() || last.Holder != holder {
			return ErrConflict
		}
		if last.Stopped {
			return nil // done already
		}
		last.Stopped, last.Proof = true, proof
		// Whatever is the primary now is the last holder: the record of the last one would have changed otherwise.
		_, answer, err := e.commit(ctx, []clientv3.Cmp{e.unchanged(keyLast, read.Last.Revision)},
			[]clientv3.Op{e.put(keyLast, last), clientv3.OpDelete(e.prefix + keyPrimary)}, nil)
		if err == nil && !answer.Succeeded {
			return ErrConflict
		}
		return err
	})
	if lease.ID != 0 && err == nil {
		// It would end by itself, and nothing hangs on it any more.
		err = e.revoke(ctx, clientv3.LeaseID(lease.ID))
	}
	return err
}

func (e *Etcd) revoke(ctx context.Context, lease clientv3.LeaseID) error {
	err := e.try(ctx, "end a lease", func(ctx context.Context) error {
		_, err := e.client().Revoke(ctx, lease)
		if errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return nil
		}
		return err
	})
	return err
}

// SetMode changes the mode.
func (e *Etcd) SetMode(ctx context.Context, read Snapshot, holder Holder, mode Mode) error {
	if !maySetMode(read, holder) {
		return ErrConflict
	}
	_, err := e.write(ctx, "change the mode of replication",
		[]clientv3.Cmp{
			e.unchanged(keyDesired, read.Desired.Revision),
			e.unchanged(keyPrimary, read.Primary.Revision),
			e.unchanged(keyMode, read.Mode.Revision),
		},
		[]clientv3.Op{e.put(keyMode, mode)},
		func(s Snapshot) bool { return sameMode(s.Mode.Value, mode) && maySetMode(s, holder) })
	return err
}

// maySetMode tells whether the holder is primary and desired.
func maySetMode(read Snapshot, holder Holder) bool {
	desired := read.Desired.Value
	return read.Primary.Exists() && read.Primary.Value == holder && desired.Region == holder.Region && desired.Epoch == holder.Epoch
}

func sameMode(a, b Mode) bool {
	return a.Replication == b.Replication && a.Region == b.Region && a.Epoch == b.Epoch && a.Since.Equal(b.Since)
}
