package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"meai/activities/privacy/consent"
	"meai/activities/privacy/requests"
)

type privacyConsentsCommand struct {
	JSON bool `help:"Print JSON."`
}

func (privacyConsentsCommand) Help() string {
	return `Reads only; uses postgres.reader_url where it is set. Numbers of people alone, for each purpose and what they have decided last:

  given      they agree
  expired    they agreed, and have to be asked again
  refused    they said no when they were asked
  withdrawn  they agreed and took it back; of "sharing": nothing of theirs is sold or shared

Who has decided nothing is not counted. People whose data is only stored (restriction) are counted apart, and among the others as
well. What the purposes are: activities/privacy/consent/purposes.yaml.`
}

func (p privacyConsentsCommand) Run(ctx context.Context, c *cli) (err error) {
	parts, err := open(ctx, c, "meai-privacy")
	if err != nil {
		return err
	}
	defer parts.close(&err)
	db, err := parts.reader(ctx)
	if err != nil {
		return err
	}
	counts, restricted, err := (&consent.Store{DB: db}).Counts(ctx)
	if err != nil {
		return err
	}
	if p.JSON {
		return printConsents(os.Stdout, counts, restricted)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, err = fmt.Fprintln(out, "PURPOSE\tSTATE\tPEOPLE")
	for _, n := range counts {
		_, wrong := fmt.Fprintf(out, "%s\t%s\t%d\n", n.Purpose, n.State, n.People)
		err = errors.Join(err, wrong)
	}
	_, wrong := fmt.Fprintf(out, "(any)\trestricted\t%d\n", restricted)
	return errors.Join(err, wrong, out.Flush())
}

func printConsents(to io.Writer, counts []consent.Count, restricted int64) error {
	type count struct {
		Purpose consent.Purpose `json:"purpose"`
		State   consent.State   `json:"state"`
		People  int64           `json:"people"`
	}
	found := struct {
		Consents   []count `json:"consents"`
		Restricted int64   `json:"restricted"`
	}{Consents: []count{}, Restricted: restricted}
	for _, n := range counts {
		found.Consents = append(found.Consents, count(n))
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(found)
}

// metAtOnce has what people do by themselves and at once registered among their requests.
func metAtOnce(r *requests.Store) func(context.Context, uuid.UUID, consent.Right, time.Time) error {
	laws := map[consent.Right]requests.Law{consent.ToRestrict: requests.GDPR, consent.ToOptOut: requests.CCPA}
	return func(ctx context.Context, subject uuid.UUID, right consent.Right, at time.Time) error {
		kind := requests.Kind(right)
		id, err := r.Name(ctx, kind, uuid.NewSHA1(subject, strconv.AppendInt(nil, at.UnixMicro(), 10)))
		if err != nil {
			return err
		}
		return r.Receive(ctx, requests.New{ID: id, Subject: subject, Kind: kind, Law: laws[right], At: at, Done: true})
	}
}
