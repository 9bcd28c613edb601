package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"meai/activities/approval"
	"meai/activities/backup/quarantine"
	"meai/activities/failover"
	"meai/activities/privacy/erasure"
	"meai/internal/cluster"
	"meai/internal/config"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/signing"
	"meai/workflows"
)

// regionPlace is one region as its own processes reach it: everything is opened with the
// region's configuration, when it is first needed.
type regionPlace struct{ p *parts }

var _ failover.Place = (*regionPlace)(nil)

// place opens a region by its configuration file.
func (p *parts) place(ctx context.Context, region, file string) (_ *regionPlace, err error) {
	if file == "" {
		return nil, fmt.Errorf("failover.configurations names no file for region %s", region)
	}
	of := &parts{telemetry: p.telemetry}
	defer func() {
		if err != nil {
			of.close(&err)
		}
	}()
	// The environment is this process's, and says nothing of another region.
	if of.config, err = config.Load(file, nil); err != nil {
		return nil, fmt.Errorf("configuration of region %s:\n%w", region, err)
	}
	// What is done there is that region's doing, wherever this process stands: its guard lets
	// no transaction pass for another one.
	of.config.Regions.Name = region
	if of.declaration, err = cluster.Load(of.config.Temporal.Declaration); err != nil {
		return nil, err
	}
	if err = of.openTLS(ctx); err != nil {
		return nil, err
	}
	if of.keys, err = openKeyring(ctx, of.config.Keyring, p.telemetry.Logger); err != nil {
		return nil, fmt.Errorf("open the keyring of region %s: %w", region, err)
	}
	of.closing(of.keys.Close)
	return &regionPlace{of}, nil
}

func (r *regionPlace) Close() (err error) {
	r.p.close(&err)
	return err
}

// Approve spends an approval that is among the region's.
func (r *regionPlace) Approve(ctx context.Context, id uuid.UUID, region, by string) error {
	db, err := r.p.database(ctx)
	if err != nil {
		return err
	}
	log, committer, err := r.p.records(ctx, db)
	if err != nil {
		return err
	}
	acts := &approval.Activities{Store: r.p.approvals(db, log), Ledger: committer}
	_, err = acts.Use(ctx, approval.UseInput{ID: id, Act: approval.OverrideFailover, Parameters: map[string]string{"region": region}, By: by})
	return err
}

// Keyring reads the system's keys, which takes a quorum of the replicas.
func (r *regionPlace) Keyring(ctx context.Context) error {
	_, err := r.p.keys.System(ctx)
	return err
}

// Temporal looks for every schedule that `meai apply` makes there.
func (r *regionPlace) Temporal(ctx context.Context) (int, error) {
	c, err := r.p.temporal(ctx)
	if err != nil {
		return 0, err
	}
	schedules := r.p.declaration.With(r.p.configured()...).Schedules
	for id := range schedules {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := c.ScheduleClient().GetHandle(asking, id).Describe(asking)
		cancel()
		if err != nil {
			return 0, fmt.Errorf("schedule %s: %w", id, err)
		}
	}
	return len(schedules), nil
}

// Release is 'meai quarantine release' for a failover: the same steps, and schedules go on.
func (r *regionPlace) Release(ctx context.Context, failing, approved uuid.UUID) (int64, bool, error) {
	p := r.p
	db, err := p.openDatabase(ctx, true)
	if err != nil {
		return 0, false, err
	}
	state, err := db.State(ctx)
	if err != nil {
		return 0, false, err
	}
	ours := state.Restore == failing.String()
	if !state.Quarantined {
		return state.Epoch, ours, nil
	}
	if !ours {
		return 0, false, fmt.Errorf("the database is in quarantine for something else, %s (%s): 'meai quarantine status' in its region", state.Restore, state.Reason)
	}
	release, err := r.releasing(ctx, db, approved)
	if err != nil {
		return 0, false, err
	}
	state, err = release.Run(ctx)
	return state.Epoch, true, err
}

func (r *regionPlace) releasing(ctx context.Context, db *postgres.DB, approved uuid.UUID) (*quarantine.Release, error) {
	p := r.p
	if p.config.Postgres.OwnerURL == "" {
		return nil, errors.New("postgres.owner_url must be set in the region's configuration to end a quarantine")
	}
	log, committer, err := p.records(ctx, db)
	if err != nil {
		return nil, err
	}
	temporal, err := p.temporal(ctx)
	if err != nil {
		return nil, err
	}
	erasures, err := p.erasures(ctx, temporal, db, log, committer)
	if err != nil {
		return nil, err
	}
	return &quarantine.Release{
		DB: db, OwnerURL: p.config.Postgres.OwnerURL, OwnerTLS: p.postgresTLS(),
		Temporal: temporal, Namespace: p.config.Temporal.Namespace, Ledger: committer, Audit: log,
		Queues:     []string{workflows.QueuePrivacy, workflows.QueueOperations, workflows.QueueBatch},
		Approved:   overridden(p.approvals(db, log)),
		Report:     func(s quarantine.Progress) { p.telemetry.Logger.Info("releasing the database", "step", s.Step) },
		EraseAgain: (&erasure.Activities{Store: erasures, Log: p.telemetry.Logger}).EraseAgain,
		Approval:   approved, ResumeSchedules: true,
	}, nil
}

// overridden looks at an approval that the failover's gate has taken. One that is not among
// this system's is a signed document, which the gate has verified, or the failover's own id,
// which the gate has let pass.
func overridden(approvals *approval.Store) func(context.Context, uuid.UUID) error {
	return func(ctx context.Context, id uuid.UUID) error {
		found, err := approvals.Approval(ctx, id)
		switch {
		case failure.Is(err, failure.NotFound):
			return nil
		case err != nil:
			return err
		case found.Act != approval.OverrideFailover || found.State != approval.Approved:
			return fmt.Errorf("approval %s is for another act or is not given", id)
		default:
			return nil
		}
	}
}

// Repair starts the comparison of the region's index with its rows.
func (r *regionPlace) Repair(ctx context.Context, id uuid.UUID) error {
	// A region that has never served has an index without a class.
	index, err := r.p.vectors(ctx)
	if err != nil {
		return err
	}
	if err := index.EnsureClass(ctx); err != nil {
		return fmt.Errorf("make the index's class: %w", err)
	}
	c, err := r.p.temporal(ctx)
	if err != nil {
		return err
	}
	_, err = c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "repair-after-failover/" + id.String(), TaskQueue: workflows.QueueBatch,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflows.RepairIndex, workflows.RepairIndexInput{})
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if err != nil && !errors.As(err, &started) {
		return fmt.Errorf("start the repair of the index: %w", err)
	}
	return nil
}

// The key that signs the reports of failovers.
const (
	failoverSigner                  = "meai-failover"
	failoverPurpose keyring.Purpose = "failover-report"
)

// Sign signs with a key that comes from the region's keyring.
func (r *regionPlace) Sign(ctx context.Context, text string) ([]byte, error) {
	key, err := signing.Derive(ctx, r.p.keys, failoverSigner, failoverPurpose)
	if err != nil {
		return nil, err
	}
	return key.Sign(text)
}
