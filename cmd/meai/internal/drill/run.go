package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meai/internal/fence"
)

// Drill breaks a lab again and again under traffic and measures what people notice.
type Drill struct {
	Lab      *Lab
	Register fence.Register
	// Mode is what the lab's replication is once it is whole.
	Mode fence.Replication
	// People write, all together at Share of the rate that the lab can take.
	People int
	Share  float64
	// Before and After are how long they write before something is broken and after it
	// has been made up for.
	Before, After time.Duration
	// Handover has a planned failover begin.
	Handover func(ctx context.Context, to string) error
	// Servers are the URLs of a superuser of each region's PostgreSQL, by region.
	Servers map[string]string
	// Lease is how long a primary that is cut off may go on.
	Lease time.Duration
	// Patience is how long is waited for any one thing; the constant of that name when zero.
	Patience time.Duration
	// Out is told of progress.
	Out io.Writer

	load *Load
	rate float64
}

// Outcome is one run of a scenario.
type Outcome struct {
	Scenario string    `json:"scenario"`
	Run      int       `json:"run"`
	At       time.Time `json:"at"`
	// Serving is the region that served, Mode what an acknowledged write was worth.
	Serving string            `json:"serving"`
	Mode    fence.Replication `json:"mode"`
	// Rate is how many messages a second were sent, Saturation how many could be.
	Rate       float64 `json:"rate"`
	Saturation float64 `json:"saturation"`
	// Decided, Opened and Writable are how long after the break the register named the
	// other region, its database was open, and a message was accepted there.
	Decided  time.Duration `json:"decided,omitempty"`
	Opened   time.Duration `json:"opened,omitempty"`
	Writable time.Duration `json:"writable,omitempty"`
	// Pause is the longest time in which nobody had anything accepted.
	Pause time.Duration `json:"pause"`
	// Completed is how long after it was writable again everything accepted was answered.
	Completed time.Duration `json:"completed,omitempty"`
	// Whole is how long it took until the other region stood by again.
	Whole   time.Duration `json:"whole,omitempty"`
	Account Account       `json:"account"`
	// Loss is what was lost against what was measured, of an unplanned failover.
	Loss *Loss `json:"loss,omitempty"`
	// Within says that no more was lost than that.
	Within bool `json:"within,omitempty"`
	// Ended says how what was broken off ended, Noticed how long it took until somebody
	// noticed what is hidden.
	Ended   string        `json:"ended,omitempty"`
	Noticed time.Duration `json:"noticed,omitempty"`
	// Load is the machine's load average when the run began, 0 where it does not tell: times
	// of a machine that has other work are longer.
	Load float64 `json:"load,omitempty"`
	// Took is the whole run, with making it whole again. Failed is why it has no end.
	Took   time.Duration `json:"took"`
	Failed string        `json:"failed,omitempty"`
}

// answers is how long is waited for the answers to what was accepted.
const answers = 2 * time.Minute

func (d *Drill) patience() time.Duration { return cmp.Or(d.Patience, Patience) }

// Prepare has people sign in, and finds out how many messages a second can be accepted.
func (d *Drill) Prepare(ctx context.Context, saturating time.Duration) error {
	serving, err := d.serving(ctx)
	if err != nil {
		return err
	}
	if err := d.whole(ctx, &Outcome{}); err != nil {
		return err
	}
	d.Lab.Patience = d.patience()
	if err := d.Lab.Begin(ctx, serving); err != nil {
		return err
	}
	ledger, err := os.OpenFile(filepath.Join(d.Lab.Data, "acknowledged.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the ledger of what people are told: %w", err)
	}
	d.load = &Load{Bases: []string{d.Lab.Base(A), d.Lab.Base(B)}, Ledger: ledger}
	entering, cancel := context.WithTimeout(ctx, d.patience())
	defer cancel()
	if err := d.load.Enter(entering, d.People, place(serving)); err != nil {
		return err
	}
	d.load.Saturate(ctx, place(serving), saturating/2) // caches fill, connections are made
	if d.rate = d.load.Saturate(ctx, place(serving), saturating); d.rate == 0 {
		return errors.New("nobody is answered")
	}
	_, err = fmt.Fprintf(d.Out, "%.1f answers a second saturate it; drills send %.1f messages\n", d.rate, d.rate*d.Share)
	return err
}

func place(region string) int {
	if region == A {
		return 0
	}
	return 1
}

func (d *Drill) serving(ctx context.Context) (string, error) {
	now, err := d.Register.Read(ctx)
	if err != nil {
		return "", fmt.Errorf("ask who serves: %w", err)
	}
	return now.Desired.Value.Region, nil
}

// Once runs a scenario once. Afterwards both regions are there again, also when it fails.
func (d *Drill) Once(ctx context.Context, s Scenario, run int) (o Outcome, err error) {
	before, err := d.Register.Read(ctx)
	if err != nil {
		return o, fmt.Errorf("ask who serves: %w", err)
	}
	serving := before.Desired.Value.Region
	o = Outcome{Scenario: s.Name, Run: run, Serving: serving, Mode: d.Mode, Rate: d.rate * d.Share, Saturation: d.rate, At: time.Now(), Load: loadAverage()}
	begun := o.At
	defer func() { o.Took = time.Since(begun) }()
	err = d.under(ctx, s, serving, &o)
	if err != nil {
		o.Failed = err.Error()
	}
	return o, errors.Join(s.Mend(ctx, d, &o), d.whole(ctx, &o))
}

// loadAverage is that of the last minute; 0 where the machine does not tell.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return load
}

// under breaks something while people write, and settles what became of what they wrote.
func (d *Drill) under(ctx context.Context, s Scenario, serving string, o *Outcome) error {
	first, givenUp := d.load.counts()
	writing, stop := context.WithCancel(ctx)
	written := make(chan struct{})
	go func() { defer close(written); d.load.Run(writing, o.Rate) }()
	defer func() { stop(); <-written }()
	if err := sleep(ctx, d.Before); err != nil {
		return err
	}
	o.At = time.Now()
	if err := d.happen(ctx, s, serving, o); err != nil {
		return err
	}
	if err := sleep(ctx, d.After); err != nil {
		return err
	}
	o.Pause = d.load.Pause(o.At)
	stop()
	<-written
	now, err := d.serving(ctx)
	if err != nil {
		return err
	}
	if o.Account, err = d.load.Account(ctx, place(now), first, givenUp, answers); err != nil {
		return err
	}
	o.Completed = max(0, time.Since(o.At)-o.Writable-d.After)
	if s.Planned || !s.Moves {
		return nil
	}
	if o.Loss, err = d.measure(ctx, o); err == nil {
		o.Within = o.Loss.Within(o.Account.Lost, d.Lease)
	}
	return err
}

// happen breaks it, and follows what is done about it.
func (d *Drill) happen(ctx context.Context, s Scenario, serving string, o *Outcome) (err error) {
	if err := s.Break(ctx, d, o); err != nil {
		return fmt.Errorf("break it: %w", err)
	}
	if s.Lasts > 0 {
		return errors.Join(sleep(ctx, s.Lasts), s.Mend(ctx, d, o))
	}
	if !s.Moves {
		return nil
	}
	to := Other(serving)
	if s.Planned {
		handing, cancel := context.WithTimeout(ctx, d.patience())
		defer cancel()
		handed := make(chan error, 1)
		go func() { handed <- d.Handover(handing, to) }()
		defer func() {
			if handing := <-handed; handing != nil {
				err = errors.Join(err, fmt.Errorf("hand over: %w", handing))
			}
		}()
	}
	return d.follow(ctx, to, o)
}

// follow notes how long each stage takes until a region serves.
func (d *Drill) follow(ctx context.Context, to string, o *Outcome) error {
	stages := []struct {
		name    string
		took    *time.Duration
		reached func(context.Context) bool
	}{
		{"it to be decided that region " + to + " serves", &o.Decided, func(ctx context.Context) bool { now, err := d.serving(ctx); return err == nil && now == to }},
		{"the database of region " + to + " to be open", &o.Opened, func(ctx context.Context) bool {
			agents, err := d.Register.Agents(ctx)
			return err == nil && agents[to].Open
		}},
		{"a message to be accepted in region " + to, &o.Writable, func(context.Context) bool { return d.load.acceptedBy(place(to), o.At) }},
	}
	for _, stage := range stages {
		if err := await(ctx, d.patience(), 50*time.Millisecond, stage.name, stage.reached, d.state); err != nil {
			return err
		}
		*stage.took = time.Since(o.At)
	}
	return nil
}

// whole waits until one region serves and the other one stands by.
func (d *Drill) whole(ctx context.Context, o *Outcome) error {
	begun := time.Now()
	err := await(ctx, d.patience(), 200*time.Millisecond, "the regions to be whole again", d.isWhole, d.state)
	if err == nil {
		o.Whole = time.Since(begun)
	}
	return err
}

func (d *Drill) isWhole(ctx context.Context) bool {
	now, err := d.Register.Read(ctx)
	if err != nil {
		return false
	}
	agents, err := d.Register.Agents(ctx)
	serving := now.Desired.Value.Region
	standby := agents[Other(serving)]
	claimed, claiming := d.Register.Claimed(ctx)
	return err == nil && claiming == nil && claimed == "" && agents[serving].Open && standby.Role == fence.RoleStandby &&
		standby.Epoch == now.Desired.Value.Epoch && now.Mode.Value.Replication == d.Mode && d.well(ctx)
}

// well reports whether nobody who looks calls a region ill: who takes over while some do is
// taken for lost at once. Before the product runs nobody looks.
func (d *Drill) well(ctx context.Context) bool {
	verdicts, err := d.Register.Verdicts(ctx)
	if err != nil {
		return false
	}
	for _, verdict := range verdicts {
		for _, health := range verdict.Regions {
			if !health.Healthy {
				return false
			}
		}
	}
	return true
}

// acceptedBy reports whether a region accepted something that was sent after a moment.
func (l *Load) acceptedBy(region int, after time.Time) bool {
	told := l.Told()
	for i := len(told) - 1; i >= 0 && told[i].At.After(after); i-- {
		if told[i].Region == region {
			return true
		}
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
