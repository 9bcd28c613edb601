package fence

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// EtcdOptions say how to reach the register.
type EtcdOptions struct {
	Endpoints []string
	// Cluster names what the records belong to; they lie below /meai/<cluster>/.
	Cluster string
	// Timeout of one try; a second where it is zero. A call tries for three times as long, or as its context allows, each
	// time another member: one that is cut off from the others answers late or never.
	Timeout time.Duration
	// Clock by which leases count; [BootClock] where it is nil.
	Clock Clock
	// TLS is how to connect to a member on a host whose URL is https; nil, or what it returns is, for the system's
	// authorities and no certificate of one's own.
	TLS func(host string) *tls.Config
	// User and Password are for an etcd with authentication; both or none. A certificate whose common name is a user's
	// needs neither. With a password a member must be there when the register is opened.
	User, Password string
	// Dial are further options of the connections.
	Dial []grpc.DialOption
}

// Etcd is the register in an etcd cluster.
type Etcd struct {
	// members are asked one at a time; good is the place of the one that is asked: the last that has answered. A client of
	// all members would ask them in turns, and so a silent one again and again.
	members []*member
	good    atomic.Int64
	prefix  string
	timeout time.Duration
	clock   Clock

	mu       sync.Mutex
	announce map[string]clientv3.LeaseID // of what this process announces, by key
}

var _ Register = (*Etcd)(nil)

const tries = 3

// OpenEtcd prepares the connection; the members need not be there yet.
func OpenEtcd(options EtcdOptions) (*Etcd, error) {
	if options.Cluster == "" || strings.Contains(options.Cluster, "/") {
		return nil, fmt.Errorf("open the register: %q names no cluster", options.Cluster)
	}
	if len(options.Endpoints) == 0 {
		return nil, errors.New("open the register: it has no members")
	}
	if options.Timeout == 0 {
		options.Timeout = time.Second
	}
	dial, err := options.dial()
	if err != nil {
		return nil, fmt.Errorf("open the register: %w", err)
	}
	e := &Etcd{prefix: "/meai/" + options.Cluster + "/", timeout: options.Timeout, clock: options.Clock}
	var absent error
	for _, endpoint := range options.Endpoints {
		m := &member{config: clientv3.Config{
			Endpoints: []string{endpoint}, Username: options.User, Password: options.Password, DialTimeout: options.Timeout, DialOptions: dial,
			MaxUnaryRetries: 1, Logger: zap.NewNop(),
		}}
		e.members = append(e.members, m)
		absent = errors.Join(absent, m.reach())
	}
	if first := slices.IndexFunc(e.members, (*member).reached); first >= 0 {
		e.good.Store(int64(first))
	} else {
		return nil, fmt.Errorf("open the register: %w", absent)
	}
	if e.clock == nil {
		e.clock = BootClock
	}
	e.announce = map[string]clientv3.LeaseID{}
	return e, nil
}

// dial is how connections are made, by what the members' URLs ask for.
func (o EtcdOptions) dial() ([]grpc.DialOption, error) {
	if (o.User == "") != (o.Password == "") {
		return nil, errors.New("a user of etcd and its password come together")
	}
	switch over, mixed := secured(o.Endpoints); {
	case mixed:
		return nil, errors.New("some members of etcd are https and some are not: what is said to one is said to all")
	case over && o.TLS != nil:
		return append([]grpc.DialOption{grpc.WithTransportCredentials(newPerHost(o.TLS))}, o.Dial...), nil
	case !over && o.User != "":
		return nil, errors.New("a password for etcd would be sent in the open: its members are not https")
	}
	return o.Dial, nil
}

// member is one of the cluster. Only with a password is it asked for something before it has a client: one that was away
// then gets its client when it is to be asked.
type member struct {
	config clientv3.Config
	mu     sync.Mutex
	client atomic.Pointer[clientv3.Client]
}

func (m *member) reached() bool { return m.client.Load() != nil }

func (m *member) reach() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reached() {
		return nil
	}
	client, err := clientv3.New(m.config)
	if err == nil {
		m.client.Store(client)
	}
	return err
}

// Close ends the connection. Leases are left to expire.
func (e *Etcd) Close() (err error) {
	for _, m := range e.members {
		if m.reached() {
			err = errors.Join(err, m.client.Load().Close())
		}
	}
	return err
}

// client is that of the member to ask now.
func (e *Etcd) client() *clientv3.Client { return e.members[e.good.Load()].client.Load() }

// turn has the next member asked that can be.
func (e *Etcd) turn(from int64) {
	for i := range int64(len(e.members)) {
		next := (from + 1 + i) % int64(len(e.members))
		if e.members[next].reach() == nil {
			e.good.CompareAndSwap(from, next)
			return
		}
	}
}

// try calls until the outcome is known. Everything that is tried may be done twice.
func (e *Etcd) try(ctx context.Context, what string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, tries*e.timeout)
	defer cancel()
	var err error
	for {
		err = e.once(ctx, call)
		if err == nil || ctx.Err() != nil || known(err) || errors.Is(err, rpctypes.ErrPermissionDenied) {
			break
		}
		select { // members that have no leader say so at once
		case <-ctx.Done():
		case <-time.After(e.timeout / 20):
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// known reports whether an error is an outcome: the member has answered.
func known(err error) bool {
	return errors.Is(err, ErrConflict) || errors.Is(err, ErrLost) || errors.Is(err, ErrHeld)
}

func (e *Etcd) once(ctx context.Context, call func(context.Context) error) error {
	// A member without a leader says so at once instead of letting the caller wait.
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), e.timeout)
	defer cancel()
	asked := e.good.Load()
	err := call(ctx)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return errors.Join(ErrLost, err)
	}
	if err != nil && !known(err) {
		e.turn(asked)
	}
	return err
}

// commit carries out a transaction. With ok false, its conditions did not hold and otherwise was done.
func (e *Etcd) commit(ctx context.Context, conditions []clientv3.Cmp, then, otherwise []clientv3.Op) (ok bool, answer *clientv3.TxnResponse, err error) {
	answer, err = e.client().Txn(ctx).If(conditions...).Then(then...).Else(otherwise...).Commit()
	if err != nil {
		return false, nil, err
	}
	return answer.Succeeded, answer, nil
}

func (e *Etcd) put(name string, value any, options ...clientv3.OpOption) clientv3.Op {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encode %s: %v", name, err)) // plain records, which can be encoded
	}
	return clientv3.OpPut(e.prefix+name, string(encoded), options...)
}

// unchanged holds while a record has the revision that it was read with; zero is that of one that does not exist.
func (e *Etcd) unchanged(name string, revision int64) clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(e.prefix+name), "=", revision)
}

// Names of the records.
const (
	keyDesired = "desired"
	keyPrimary = "primary"
	keyLast    = "last"
	keyMode    = "mode"
)

var recordKeys = []string{keyDesired, keyPrimary, keyLast, keyMode}

// all reads the records, within a transaction.
func (e *Etcd) all() []clientv3.Op {
	gets := make([]clientv3.Op, 0, len(recordKeys))
	for _, name := range recordKeys {
		gets = append(gets, clientv3.OpGet(e.prefix+name))
	}
	return gets
}

// snapshot is what the last four answers of a transaction say, which are those of all.
func snapshot(answer *clientv3.TxnResponse) (Snapshot, error) {
	s := Snapshot{Revision: answer.Header.Revision}
	gets := answer.Responses[len(answer.Responses)-len(recordKeys):]
	err := errors.Join(entry(gets[0], &s.Desired), entry(gets[1], &s.Primary), entry(gets[2], &s.Last), entry(gets[3], &s.Mode))
	return s, err
}

func entry[T any](answer *etcdserverpb.ResponseOp, into *Entry[T]) error {
	kvs := answer.GetResponseRange().GetKvs()
	if len(kvs) == 0 {
		return nil
	}
	into.Revision = kvs[0].ModRevision
	if err := json.Unmarshal(kvs[0].Value, &into.Value); err != nil {
		return fmt.Errorf("read the record %s: %w", kvs[0].Key, err)
	}
	return nil
}
