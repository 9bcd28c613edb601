package main

import (
	"os"

	"meai/activities/memory/patterns/evaluation"
	"meai/internal/measure"
)

type evalPatternsCommand struct {
	Seed    uint64 `help:"Chooses the people." default:"2"`
	Each    int    `help:"People with a pattern, of each kind and strength." default:"40"`
	Without int    `help:"People without any." default:"1000"`
	Page    string `help:"Write what was found as a page of documentation, too." placeholder:"FILE"`
}

func (evalPatternsCommand) Help() string {
	return `Invents people, plants a pattern in what some of them tell, and prints how many are found, and how many people are told of
one that is not there.`
}

func (e evalPatternsCommand) Run() error {
	tables := evaluation.Measure(evaluation.Cases(e.Seed, e.Each, e.Without))
	if err := measure.Write(os.Stdout, tables...); err != nil || e.Page == "" {
		return err
	}
	return os.WriteFile(e.Page, evaluation.Page(e.Seed, tables...), 0o600)
}
