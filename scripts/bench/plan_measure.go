package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"meai/internal/config"
	"meai/internal/plan"
)

// What a message leaves in the memory graph and in Weaviate, from docs/evaluation/memory-scale.md.
const graphBytes, vectorBytes = 8558, 7898

// watched is how long the idle machine is looked at.
const watched = 5 * time.Second

// measure has messages written one after the other, with a pause after each, and sums up what they
// took, left, and how long each step lasted.
func (c planCommand) measure(ctx context.Context, f *fleet, people []write) (m plan.Measured, err error) {
	if err := settle(ctx, settled); err != nil {
		return m, err
	}
	first := f.account()
	if err := settle(ctx, watched); err != nil {
		return m, err
	}
	idle := f.account().since(first)
	before, err := f.sizes(ctx, c.target)
	if err != nil {
		return m, err
	}
	began := time.Now()
	latencies, all, answered, err := c.oneByOne(ctx, f, people)
	if err != nil {
		return m, err
	}
	after, err := f.sizes(ctx, c.target)
	if err != nil {
		return m, err
	}
	n := float64(c.Messages)
	m = plan.Measured{
		On: machine(), At: began.UTC().Format(time.DateOnly), Messages: c.Messages, Cores: cores(),
		Idle: idle.total().Seconds() / idle.lasted().Seconds(), CPU: map[string]float64{}, Answer: plan.NewTimes(latencies), Bytes: map[string]float64{},
	}
	// What runs although nobody writes is no message's.
	without := func(a account, who string) float64 {
		return max(0, milliseconds(a.cpu[who])-milliseconds(idle.cpu[who])*a.lasted().Seconds()/idle.lasted().Seconds()) / n
	}
	for who := range all.cpu {
		if who != others {
			m.CPU[who] = without(all, who)
			m.AnswerCPU += without(answered, who)
		}
	}
	for kind, size := range after {
		m.Bytes[kind] = max(0, size-before[kind]) / n
	}
	// Few messages begin more pages than they fill. These were weighed with a million.
	m.Bytes["graph"], m.Bytes["vectors"] = graphBytes, vectorBytes
	if m.Steps, err = f.steps(ctx, c.target, began); err != nil {
		return m, err
	}
	m.Others = all.others()
	fmt.Printf("Cores that others took meanwhile: %.2f\n", m.Others)
	return m, nil
}

// oneByOne returns how long the answers took in ms, what was taken in all, and what was by the time
// of each answer.
func (c planCommand) oneByOne(ctx context.Context, f *fleet, people []write) (latencies []float64, all, answered account, err error) {
	answered = account{cpu: map[string]time.Duration{}}
	begin := f.account()
	for i := range c.Messages {
		before := f.account()
		if err := people[i%len(people)](ctx, i); err != nil {
			return nil, all, answered, err
		}
		took := f.account().since(before)
		latencies = append(latencies, milliseconds(time.Since(before.at)))
		for who, t := range took.cpu {
			answered.cpu[who] += t
		}
		answered.at = answered.at.Add(took.lasted())
		if err := settle(ctx, c.Settle); err != nil {
			return nil, all, answered, err
		}
	}
	return latencies, f.account().since(begin), answered, nil
}

func settle(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// sizes are the bytes of each store now, as plan.Measured calls them.
func (f *fleet) sizes(ctx context.Context, m target) (map[string]float64, error) {
	cfg, err := config.Load(m.Config, f.in.env)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	conn, err := pgx.Connect(ctx, cfg.Postgres.OwnerURL)
	if err != nil {
		return nil, fmt.Errorf("connect as owner: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // it has only read
	var records, temporal, wal float64
	err = conn.QueryRow(ctx, `select
		(select coalesce(sum(pg_total_relation_size(oid)), 0) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and relname not like 'memory\_%'),
		(select coalesce(sum(pg_database_size(datname)), 0) from pg_database where datname like 'temporal%'),
		pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')`).Scan(&records, &temporal, &wal)
	if err != nil {
		return nil, fmt.Errorf("read the sizes of the tables: %w", err)
	}
	return map[string]float64{"records": records, "temporal": temporal, "wal": wal}, nil
}

// steps reads the histories of the stories that began since then.
func (f *fleet) steps(ctx context.Context, m target, since time.Time) ([]plan.Step, error) {
	cfg, err := config.Load(m.Config, f.in.env)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	temporal, err := client.NewLazyClient(client.Options{HostPort: cfg.Temporal.Address, Namespace: f.in.namespace, Logger: quiet{}})
	if err != nil {
		return nil, fmt.Errorf("connect to the histories: %w", err)
	}
	defer temporal.Close()
	if _, err := finished(ctx, temporal); err != nil {
		return nil, err
	}
	took, stories, page := map[[2]string][]float64{}, 0, []byte(nil)
	for {
		list, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query:    fmt.Sprintf("WorkflowType IN ('Interaction', 'Memorise') AND StartTime > '%s'", since.UTC().Format(time.RFC3339Nano)),
			PageSize: 200, NextPageToken: page,
		})
		if err != nil {
			return nil, fmt.Errorf("list the stories: %w", err)
		}
		for _, run := range list.Executions {
			if run.Type.Name == "Interaction" {
				stories++
			}
			if err := activities(ctx, temporal, run.Execution.WorkflowId, run.Execution.RunId, took); err != nil {
				return nil, err
			}
		}
		if page = list.NextPageToken; len(page) == 0 {
			break
		}
	}
	var steps []plan.Step
	for _, key := range sortedSteps(took) {
		steps = append(steps, plan.Step{Name: key[1], Queue: key[0], PerMessage: float64(len(took[key])) / float64(max(1, stories)), Times: plan.NewTimes(took[key])})
	}
	return steps, nil
}

// activities notes how long each activity of a story took from its start in a worker to its result,
// in ms, by queue and name.
func activities(ctx context.Context, temporal client.Client, id, run string, took map[[2]string][]float64) error {
	scheduled, started := map[int64][2]string{}, map[int64]time.Time{}
	events := temporal.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return fmt.Errorf("read a history: %w", err)
		}
		switch e.EventType {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			a := e.GetActivityTaskScheduledEventAttributes()
			scheduled[e.EventId] = [2]string{a.GetTaskQueue().GetName(), a.GetActivityType().GetName()}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started[e.EventId] = e.EventTime.AsTime()
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			a := e.GetActivityTaskCompletedEventAttributes()
			key := scheduled[a.GetScheduledEventId()]
			took[key] = append(took[key], milliseconds(e.EventTime.AsTime().Sub(started[a.GetStartedEventId()])))
		}
	}
	return nil
}

func sortedSteps(took map[[2]string][]float64) [][2]string {
	keys := slices.Collect(maps.Keys(took))
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return keys
}
