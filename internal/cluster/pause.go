package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
)

// pauseNote begins the note of a schedule that [Pause] has paused; for whom, a colon
// and the note that it had before follow.
const pauseNote = "paused by meai for "

// Pause pauses every schedule of the client's namespace that is not paused, and returns
// once the server follows. A schedule keeps in its note for whom that was, and what the
// note said before: [Resume] needs nothing else, and leaves alone what somebody had
// paused by hand. Times that come while a schedule is paused are not made up for.
func Pause(ctx context.Context, c client.Client, who string, report func(schedule string)) error {
	return eachSchedule(ctx, c, func(id string, handle client.ScheduleHandle, d *client.ScheduleDescription) error {
		if d.Schedule.State.Paused {
			return nil
		}
		if err := handle.Pause(ctx, client.SchedulePauseOptions{Note: pauseNote + who + ": " + d.Schedule.State.Note}); err != nil {
			return fmt.Errorf("pause: %w", err)
		}
		report(id)
		return poll(ctx, func() error {
			d, err := handle.Describe(ctx)
			if err == nil && !d.Schedule.State.Paused {
				err = fmt.Errorf("it is not paused yet")
			}
			return err
		})
	})
}

// Resume lets every schedule run that [Pause] has paused, with its old note.
func Resume(ctx context.Context, c client.Client, report func(schedule, who string)) error {
	return eachSchedule(ctx, c, func(id string, handle client.ScheduleHandle, d *client.ScheduleDescription) error {
		who, note, paused := pausedFor(d)
		if !paused {
			return nil
		}
		report(id, who)
		return resume(ctx, handle, note)
	})
}

func resume(ctx context.Context, handle client.ScheduleHandle, note string) error {
	// A note that is left out becomes the server's own.
	if err := handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: note}); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	return nil
}

// pausedFor tells for whom a schedule was paused, and the note that it had before.
func pausedFor(d *client.ScheduleDescription) (who, note string, paused bool) {
	rest, ours := strings.CutPrefix(d.Schedule.State.Note, pauseNote)
	who, note, whole := strings.Cut(rest, ": ")
	return who, note, ours && whole && d.Schedule.State.Paused
}

// eachSchedule goes through the schedules of a namespace. What the server lists lags
// behind a little, so it asks each one.
func eachSchedule(ctx context.Context, c client.Client, do func(string, client.ScheduleHandle, *client.ScheduleDescription) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	list, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return fmt.Errorf("list schedules: %w", err)
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return fmt.Errorf("list schedules: %w", err)
		}
		handle := c.ScheduleClient().GetHandle(ctx, entry.ID)
		d, err := handle.Describe(ctx)
		if err == nil {
			err = do(entry.ID, handle, d)
		}
		if err != nil {
			return fmt.Errorf("schedule %s: %w", entry.ID, err)
		}
	}
	return nil
}
