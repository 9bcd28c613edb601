package main

import (
	"errors"
	"fmt"
	"os"

	"meai/internal/cluster"
	"meai/internal/plan"
)

type planCommand struct {
	Make   planMakeCommand   `cmd:"" default:"withargs" help:"Work out instances, storage, cost and availability (the default)."`
	Prices planPricesCommand `cmd:"" help:"Print the prices that are assumed, as a file to edit."`
}

type planMakeCommand struct {
	Users              float64 `required:"" help:"People at the beginning." placeholder:"N"`
	InteractionsPerDay float64 `required:"" help:"Messages that each of them writes on a day, on average." placeholder:"M"`

	GrowthYear1          float64 `default:"${growth1}" help:"How many times as many people there are after one year."`
	GrowthYear3          float64 `default:"${growth3}" help:"How many times as many there are after three."`
	PeakFactor           float64 `default:"${peak}" help:"The busiest hour's rate, over the mean."`
	Headroom             float64 `default:"${headroom}" help:"Part of the CPU that may be busy at the peak."`
	Requests             float64 `default:"${requests}" help:"Requests of the API for each message."`
	Regions              int     `default:"${regions}" help:"1, or 2 with one that stands by."`
	Zones                int     `default:"${zones}" help:"Zones of a region."`
	InstanceAvailability float64 `default:"${instance}" help:"Part of the time in which an instance works."`
	ZoneAvailability     float64 `default:"${zone}" help:"Part of the time in which a zone works."`
	Takeover             float64 `default:"${takeover}" help:"Seconds without writes when the primary of PostgreSQL is lost."`
	CoreSpeed            float64 `default:"${speed}" help:"How fast a vCPU is beside a core of the machine that measured."`
	LogBytes             float64 `default:"${log}" help:"Bytes of logs for each message."`
	BackupRatio          float64 `default:"${backup}" help:"Size of a base backup beside the data that it is of."`

	Prices      string `type:"existingfile" help:"Prices instead of those that are built in; see meai plan prices." placeholder:"FILE"`
	Measured    string `type:"existingfile" help:"Service times instead of those that are built in, as make bench writes them." placeholder:"FILE"`
	Declaration string `default:"temporal.yaml" env:"MEAI_TEMPORAL_DECLARATION" type:"path" help:"Declaration of the queues, with how many replicas each has and how large they are." placeholder:"FILE"`
	JSON        bool   `help:"Print JSON."`
	HTML        string `name:"html" type:"path" help:"Write a page with pictures to this file." placeholder:"FILE"`
}

func (planMakeCommand) Help() string {
	return `What a number of people needs at the beginning, after one year and after three: instances of each component, storage, which
component ends growth first, what a month costs beside the requirements' budget, and how available all that is.

  meai plan --users 20000 --interactions-per-day 6
  meai plan --users 20000 --interactions-per-day 6 --peak-factor 8 --html plan.html

It is arithmetic: no engine is asked. It rests on

  service times   measured by make bench on one machine, and built in (--measured for others)
  bounds          the requirements' tables, which are built in, and temporal.yaml
  prices          round figures, nobody's offer: meai plan prices >prices.yaml, edit it, --prices prices.yaml
  the flags       each is printed with its source

(!) marks what is more than the requirements foresee. docs/planning.md says how it is worked out, and how well that has been
checked.`
}

// planDefaults are the flags' defaults, for kong.
func planDefaults() map[string]string {
	d := plan.Defaults()
	defaults := map[string]string{"regions": fmt.Sprint(d.Regions), "zones": fmt.Sprint(d.Zones)}
	for name, value := range map[string]float64{
		"growth1": d.GrowthYear1, "growth3": d.GrowthYear3, "peak": d.PeakFactor, "headroom": d.Headroom, "requests": d.Requests,
		"instance": d.InstanceAvailability, "zone": d.ZoneAvailability, "takeover": d.Takeover, "speed": d.CoreSpeed,
		"log": d.LogBytes, "backup": d.BackupRatio,
	} {
		defaults[name] = fmt.Sprint(value)
	}
	return defaults
}

func (m planMakeCommand) input() plan.Input {
	return plan.Input{
		Users: m.Users, InteractionsPerUser: m.InteractionsPerDay, GrowthYear1: m.GrowthYear1, GrowthYear3: m.GrowthYear3,
		PeakFactor: m.PeakFactor, Headroom: m.Headroom, Requests: m.Requests, Regions: m.Regions, Zones: m.Zones,
		InstanceAvailability: m.InstanceAvailability, ZoneAvailability: m.ZoneAvailability, Takeover: m.Takeover,
		CoreSpeed: m.CoreSpeed, LogBytes: m.LogBytes, BackupRatio: m.BackupRatio,
	}
}

func (m planMakeCommand) Run() error {
	made, err := m.make()
	if err != nil {
		return err
	}
	if m.HTML != "" {
		file, err := os.Create(m.HTML)
		if err != nil {
			return fmt.Errorf("make the page: %w", err)
		}
		if err := errors.Join(made.WriteHTML(file), file.Close()); err != nil {
			return err
		}
	}
	if m.JSON {
		return indented(made)
	}
	return made.Write(os.Stdout)
}

func (m planMakeCommand) make() (plan.Plan, error) {
	tables, err := plan.Tables()
	if err != nil {
		return plan.Plan{}, err
	}
	measured, err := plan.Built()
	if m.Measured != "" {
		var file []byte
		if file, err = os.ReadFile(m.Measured); err == nil {
			measured, err = plan.ReadMeasured(file)
		}
	}
	if err != nil {
		return plan.Plan{}, err
	}
	var file []byte
	if m.Prices != "" {
		if file, err = os.ReadFile(m.Prices); err != nil {
			return plan.Plan{}, fmt.Errorf("read the prices: %w", err)
		}
	}
	prices, err := plan.ReadPrices(file)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("prices: %w", err)
	}
	declared, err := cluster.Load(m.Declaration)
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Make(m.input(), measured, tables, prices, bounds(declared))
}

// bounds are those that temporal.yaml declares, of the queues and the API.
func bounds(d cluster.Declaration) map[string]plan.Bounds {
	all := map[string]plan.Bounds{}
	add := func(name string, s cluster.Scaling) {
		if s.Declared() {
			all[name] = plan.Bounds{Least: s.Replicas.Min, Most: s.Replicas.Max, VCPUs: s.Resources.CPU, MemoryGB: float64(s.Resources.Memory) / (1 << 30)}
		}
	}
	add("api", d.API.Scaling)
	for name, q := range d.TaskQueues {
		add(name, q.Scaling)
	}
	return all
}

type planPricesCommand struct{}

func (planPricesCommand) Run() error {
	_, err := fmt.Print(plan.DefaultPrices())
	return err
}
