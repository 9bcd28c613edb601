package feedback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/activities/truthfilter"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/postgres/queries"
)

// State is what became of a candidate.
type State string

// The states. A refused candidate never counts; an adopted one does until it is withdrawn.
const (
	Adopted   State = "adopted"
	Refused   State = "refused"
	Withdrawn State = "withdrawn"
)

// Learned is a policy that was learned, or a candidate that was refused.
type Learned struct {
	Version string
	// Base is the version of the written policy that it moves.
	Base string
	// Parent is the version that it was made from.
	Parent  string
	Least   truthfilter.Scores
	Moved   []truthfilter.Layer
	Figures Evaluation
	State   State
	// Reason is a code.
	Reason    string
	DecidedAt time.Time
}

// version names the serial-th policy learned of a written one, and 0 the written one.
func version(base string, serial int32) string {
	if serial == 0 {
		return base
	}
	return base + "." + strconv.Itoa(int(serial))
}

func parseVersion(v string) (base string, serial int32, err error) {
	i := strings.LastIndexByte(v, '.')
	n, err := strconv.ParseInt(v[i+1:], 10, 32)
	if i < 1 || err != nil || n < 1 {
		return "", 0, failure.New(failure.InvalidInput, "a learned policy has a version such as 1.4", nil)
	}
	return v[:i], int32(n), nil
}

// inForce is the newest adopted policy of the written one, by its serial; 0 and the
// written one when there is none.
func (s *Store) inForce(ctx context.Context) (serial int32, policy truthfilter.Policy, err error) {
	var row queries.FilterPolicy
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		row, err = q.FilterPolicyInForce(ctx, s.Written.Version)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, s.Written, nil
	}
	if err != nil {
		return 0, s.Written, fmt.Errorf("look for a learned policy: %w", err)
	}
	var least truthfilter.Scores
	if err := json.Unmarshal(row.Least, &least); err != nil {
		return 0, s.Written, fmt.Errorf("decode policy %s: %w", version(row.Base, row.Serial), err)
	}
	return row.Serial, s.Written.Learned(version(row.Base, row.Serial), least), nil
}

// Learned lists the newest 1,000 policies and candidates, of the written policy or of all
// that there ever were.
func (s *Store) Learned(ctx context.Context, all bool) (list []Learned, err error) {
	var rows []queries.FilterPolicy
	err = s.DB.ReadShared(ctx, func(ctx context.Context, q *queries.Queries) (err error) {
		rows, err = q.FilterPolicies(ctx, s.Written.Version, all)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list learned policies: %w", err)
	}
	for _, row := range rows {
		l := Learned{
			Version: version(row.Base, row.Serial), Base: row.Base, Parent: version(row.Base, row.Parent), State: State(row.State),
			Reason: row.Reason, DecidedAt: row.DecidedAt.UTC(),
		}
		for _, layer := range row.Moved {
			l.Moved = append(l.Moved, truthfilter.Layer(layer))
		}
		if err := errors.Join(json.Unmarshal(row.Least, &l.Least), json.Unmarshal(row.Figures, &l.Figures)); err != nil {
			return nil, fmt.Errorf("decode policy %s: %w", l.Version, err)
		}
		list = append(list, l)
	}
	return list, nil
}

// policySetting is what the audit log calls the policy in force.
const policySetting = "filter.policy"

func (s *Store) entry(ctx context.Context, e audit.Entry) (audit.Entry, error) {
	object, err := s.Audit.Object(ctx, audit.Setting, policySetting)
	e.Kind, e.Object, e.Outcome = audit.Setting, object, audit.Succeeded
	return e, err
}

// Withdraw takes a learned policy out of force, with all that were learned on top of it:
// the one before is in force again. It returns what was withdrawn; [failure.NotFound] when
// none was adopted.
func (s *Store) Withdraw(ctx context.Context, actor, v string) (withdrawn []string, err error) {
	base, serial, err := parseVersion(v)
	if err != nil {
		return nil, err
	}
	entry, err := s.entry(ctx, audit.Entry{Actor: actor, Role: "operator", Act: audit.FilterPolicyWithdrawn, Reason: v})
	if err != nil {
		return nil, err
	}
	err = s.DB.WriteShared(ctx, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockFilterPolicies(ctx); err != nil {
			return err
		}
		serials, err := q.WithdrawFilterPolicies(ctx, base, serial)
		if err != nil {
			return err
		}
		if len(serials) == 0 {
			return failure.New(failure.NotFound, "no such policy is in force", nil)
		}
		for _, n := range serials {
			withdrawn = append(withdrawn, version(base, n))
		}
		_, err = audit.Append(ctx, q, entry)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("withdraw policy %s: %w", v, err)
	}
	return withdrawn, nil
}

const (
	// patience is how long a judgement waits for the person's thresholds.
	patience = 300 * time.Millisecond
	// fresh is how long the learned policy in force is not asked for again.
	fresh = time.Minute
)

// Policies are the persons' policies as judges ask for them; see [truthfilter.Policies].
// They go on with the thresholds that were last known when the database does not answer.
type Policies struct {
	store *Store
	fresh time.Duration

	mu     sync.Mutex
	policy truthfilter.Policy
	asked  time.Time
}

// NewPolicies returns the policies of a store.
func NewPolicies(s *Store) *Policies { return &Policies{store: s, fresh: fresh, policy: s.Written} }

// Of is the policy for a person's texts; the zero UUID is nobody's. It fails when it cannot
// be read what the person wants to be spared.
func (p *Policies) Of(ctx context.Context, subject uuid.UUID) (truthfilter.Policy, error) {
	policy := p.adjusted(ctx, subject)
	if subject == uuid.Nil {
		return policy, nil
	}
	var err error
	policy.Triggers, err = p.store.Triggers(ctx, subject)
	return policy, err
}

// adjusted are the thresholds for a person, as far as they can be looked up in time.
func (p *Policies) adjusted(ctx context.Context, subject uuid.UUID) truthfilter.Policy {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	policy := p.inForce(ctx)
	if subject == uuid.Nil {
		return policy
	}
	own, err := p.store.adjust(ctx, policy, subject)
	if err != nil {
		p.store.Logger.WarnContext(ctx, "a text is judged without the person's own policy", "error", err)
	}
	return own
}

func (p *Policies) inForce(ctx context.Context) truthfilter.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) < p.fresh {
		return p.policy
	}
	_, policy, err := p.store.inForce(ctx)
	if err != nil {
		p.store.Logger.WarnContext(ctx, "texts are judged under the policy that was last known", "error", err)
		return p.policy
	}
	p.policy, p.asked = policy, time.Now()
	return policy
}
