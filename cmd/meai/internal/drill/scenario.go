package drill

import (
	"context"
	"time"
)

// Scenario is something that is broken, and mended again.
type Scenario struct {
	Name string
	// What says for people what happens.
	What string
	// Moves says that the other region is to serve afterwards.
	Moves bool
	// Planned scenarios hand over from a region that is well.
	Planned bool
	// Serves scenarios leave the region that serves as it is: nobody may notice.
	Serves bool
	// Lasts is how long it stays broken, where nothing moves; 0 for until the end of the run.
	Lasts time.Duration
	// Break breaks it; o says which region serves, and is told what is found.
	Break func(ctx context.Context, d *Drill, o *Outcome) error
	// Mend makes it whole again, also what was broken by half. It may be called twice.
	Mend func(ctx context.Context, d *Drill, o *Outcome) error
}

// Scenarios are all drills, by how bad they are.
var Scenarios = []Scenario{
	{
		Name: "switchover", What: "the region that serves is handed over to the other one, as before maintenance", Moves: true, Planned: true,
		Break: nothing, Mend: nothing,
	},
	{
		Name: "region-kill", What: "every process of the region that serves ends at once, as in a power cut", Moves: true,
		Break: func(ctx context.Context, d *Drill, o *Outcome) error { return d.Lab.Kill(ctx, o.Serving) },
		Mend:  revive,
	},
	{
		Name: "partition", What: "the region that serves and everybody else stop hearing each other, while its clients still reach it", Moves: true,
		Break: func(ctx context.Context, d *Drill, o *Outcome) error { return cut(ctx, d.Lab, o.Serving, true, true) },
		Mend:  healed,
	},
	{
		Name: "partition-out", What: "what the region that serves says does not arrive anywhere; it hears everything", Moves: true,
		Break: func(ctx context.Context, d *Drill, o *Outcome) error { return cut(ctx, d.Lab, o.Serving, true, false) },
		Mend:  healed,
	},
	{
		Name: "partition-in", What: "the region that serves hears nothing of anybody; what it says arrives", Moves: true,
		Break: func(ctx context.Context, d *Drill, o *Outcome) error { return cut(ctx, d.Lab, o.Serving, false, true) },
		Mend:  healed,
	},
	{
		Name: "disk-full", What: "the disk of the log of the region that serves has no room left: PostgreSQL ends at its next segment, and each time it is started", Moves: true,
		Break: fillDisk, Mend: emptyDisk,
	}, {
		Name: "runner-kill", What: "the control site ends in the middle of a handover, each time at another step, and comes back after five seconds; somebody goes on with the journal",
		Break: killRunner, Mend: restartControl,
	},
	{
		Name: "corrupt-standby", What: "the standby's region ends, pages of its database rot, and it comes back: it must be noticed, and cloned anew", Serves: true,
		Break: rot, Mend: revive,
	},
	{
		Name: "clock-jump", What: "the agent of the region that serves ends, and comes back with its clock a day ahead, as after the move of a virtual machine", Serves: true, Lasts: 10 * time.Second,
		Break: jumpClock, Mend: setClock,
	},
	{
		Name: "standby-cut", What: "the standby's region is cut off: the other one goes on, after its patience with it", Serves: true, Lasts: 15 * time.Second,
		Break: func(ctx context.Context, d *Drill, o *Outcome) error {
			return cut(ctx, d.Lab, Other(o.Serving), true, true)
		},
		Mend: healed,
	},
	{
		Name: "control-kill", What: "the control site ends at once: the regions go on without it", Serves: true, Lasts: 5 * time.Second,
		Break: func(ctx context.Context, d *Drill, _ *Outcome) error { return d.Lab.Kill(ctx, Control) },
		Mend:  restartControl,
	},
	{
		Name: "slow-link", What: "everything between the regions arrives 100 ms later", Serves: true, Lasts: 10 * time.Second,
		Break: func(ctx context.Context, d *Drill, o *Outcome) error {
			for _, link := range [][2]string{{o.Serving, Other(o.Serving)}, {Other(o.Serving), o.Serving}} {
				if err := d.Lab.Link(ctx, link[0], link[1], "slow", 100*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		},
		Mend: healed,
	},
}

func nothing(context.Context, *Drill, *Outcome) error { return nil }

func healed(ctx context.Context, d *Drill, _ *Outcome) error { return d.Lab.Heal(ctx) }

// revive brings back whichever region does not run.
func revive(ctx context.Context, d *Drill, _ *Outcome) error { return d.Lab.Revive(ctx) }

func restartControl(ctx context.Context, d *Drill, _ *Outcome) error { return d.Lab.Revive(ctx) }

// cut cuts a site off from the two others: what it says, what it hears, or both.
func cut(ctx context.Context, l *Lab, site string, says, hears bool) error {
	for other := range l.Sites {
		if other == site {
			continue
		}
		if says {
			if err := l.Link(ctx, site, other, "cut", 0); err != nil {
				return err
			}
		}
		if hears {
			if err := l.Link(ctx, other, site, "cut", 0); err != nil {
				return err
			}
		}
	}
	return nil
}
