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
	// Break breaks it; serving is the region that serves.
	Break func(ctx context.Context, l *Lab, serving string) error
	// Mend makes it whole again.
	Mend func(ctx context.Context, l *Lab, serving string) error
}

// Scenarios are all drills, by how bad they are.
var Scenarios = []Scenario{
	{
		Name: "switchover", What: "the region that serves is handed over to the other one, as before maintenance", Moves: true, Planned: true,
		Break: nothing, Mend: nothing,
	},
	{
		Name: "region-kill", What: "every process of the region that serves ends at once, as in a power cut", Moves: true,
		Break: func(ctx context.Context, l *Lab, serving string) error { return l.Kill(ctx, serving) },
		Mend:  revive,
	},
	{
		Name: "partition", What: "the region that serves and everybody else stop hearing each other, while its clients still reach it", Moves: true,
		Break: func(ctx context.Context, l *Lab, serving string) error { return cut(ctx, l, serving, true, true) },
		Mend:  healed,
	},
	{
		Name: "partition-out", What: "what the region that serves says does not arrive anywhere; it hears everything", Moves: true,
		Break: func(ctx context.Context, l *Lab, serving string) error { return cut(ctx, l, serving, true, false) },
		Mend:  healed,
	},
	{
		Name: "partition-in", What: "the region that serves hears nothing of anybody; what it says arrives", Moves: true,
		Break: func(ctx context.Context, l *Lab, serving string) error { return cut(ctx, l, serving, false, true) },
		Mend:  healed,
	},
	{
		Name: "standby-cut", What: "the standby's region is cut off: the other one goes on", Moves: false,
		Break: func(ctx context.Context, l *Lab, serving string) error {
			return cut(ctx, l, Other(serving), true, true)
		},
		Mend: healed,
	},
	{
		Name: "control-kill", What: "the control site ends at once: the regions go on without it", Moves: false,
		Break: func(ctx context.Context, l *Lab, _ string) error { return l.Kill(ctx, Control) },
		Mend:  func(ctx context.Context, l *Lab, _ string) error { return l.Start(ctx, Control) },
	},
	{
		Name: "slow-link", What: "everything between the regions arrives 400 ms later", Moves: false,
		Break: func(ctx context.Context, l *Lab, serving string) error {
			for _, link := range [][2]string{{serving, Other(serving)}, {Other(serving), serving}} {
				if err := l.Link(ctx, link[0], link[1], "slow", 400*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		},
		Mend: healed,
	},
}

func nothing(context.Context, *Lab, string) error { return nil }

func healed(ctx context.Context, l *Lab, _ string) error { return l.Heal(ctx) }

func revive(ctx context.Context, l *Lab, serving string) error { return l.Start(ctx, serving) }

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
