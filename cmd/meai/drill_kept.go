package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"meai/activities/failover"
	"meai/internal/cluster"
	"meai/workflows"
)

// drillSchedule is the id of the schedule of drills in the control plane's Temporal.
const drillSchedule = "handover-drill"

// scheduleDrills has the control plane's Temporal hold the schedule that is configured, or
// none: it is tried until Temporal answers.
func (p *parts) scheduleDrills(ctx context.Context, temporal client.Client) {
	for {
		err := p.applyDrills(ctx, temporal)
		if err == nil || ctx.Err() != nil {
			return
		}
		p.telemetry.Logger.Warn("the schedule of drills is not as it is configured", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
		}
	}
}

func (p *parts) applyDrills(ctx context.Context, temporal client.Client) error {
	d := p.config.Drills
	if d.Schedule == "" || !d.Allowed {
		return cluster.RemoveSchedule(ctx, temporal, drillSchedule)
	}
	return cluster.ApplySchedule(ctx, temporal, drillSchedule, cluster.Schedule{
		Workflow: "HandoverDrill", TaskQueue: workflows.QueueOperations, Note: "Hands over to the other region, for practice.",
		Cron: d.Schedule, TimeZone: "UTC", Overlap: "skip", CatchupWindow: time.Minute, RunTimeout: 24 * time.Hour,
	})
}

// listKept prints the drills that were kept, newest first.
func listKept(ctx context.Context, c *cli, asJSON bool) (err error) {
	p, err := openRegion(ctx, c, "meai-drill")
	if err != nil {
		return err
	}
	defer p.close(&err)
	register, err := p.register()
	if err != nil {
		return err
	}
	all, err := (&failover.Controller{Register: register}).Drilled(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return indented(all)
	}
	for _, d := range all {
		met := "targets met"
		if len(d.Missed) > 0 {
			met = "missed: " + strings.Join(d.Missed, ", ")
		}
		_, err := fmt.Printf("%s  %s  %s, %s to %s: %s, paused %.1f s, lost %s, %d missing; %s\n", d.BeganAt.Format(time.RFC3339), d.ID, d.Kind, d.From, d.To,
			d.State, d.Pause, secondsOf(d.Loss), d.Missing, met)
		if err != nil {
			return err
		}
	}
	return nil
}
