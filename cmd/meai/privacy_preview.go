package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"meai/activities/privacy/erasure"
)

// printPreview prints what an erasure would take, place by place, and what stays until when.
func printPreview(to io.Writer, p erasure.Preview) error {
	out := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, place := range slices.Sorted(maps.Keys(p.Counts)) {
		if _, err := fmt.Fprintf(out, "goes\t%s\t%d\n", place, p.Counts[place]); err != nil {
			return err
		}
	}
	for _, s := range p.Stays {
		kept := "for as long as the law asks"
		if s.For > 0 {
			kept = fmt.Sprintf("%d days", int(s.For.Hours()/24))
		}
		if _, err := fmt.Fprintf(out, "stays\t%s\t%s\n", s.What, kept); err != nil {
			return err
		}
	}
	return out.Flush()
}
