package promserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Series is what Prometheus has of one set of labels.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Point is a value at a moment.
type Point struct {
	At    time.Time
	Value float64
}

// Query asks a Prometheus for the value of an expression now: a point for each series.
func Query(ctx context.Context, base, expression string) ([]Series, error) {
	return ask(ctx, base+"/api/v1/query", url.Values{"query": {expression}})
}

// QueryRange asks for the values of an expression between two moments.
func QueryRange(ctx context.Context, base, expression string, from, to time.Time, step time.Duration) ([]Series, error) {
	unix := func(at time.Time) string { return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64) }
	return ask(ctx, base+"/api/v1/query_range", url.Values{
		"query": {expression}, "start": {unix(from)}, "end": {unix(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', 3, 64)},
	})
}

// answer is what Prometheus' HTTP API says.
type answer struct {
	Status, Error string
	Data          struct {
		Result []struct {
			Metric map[string]string
			Value  sample
			Values []sample
		}
	}
}

// sample is [seconds, "value"].
type sample [2]json.RawMessage

func (s sample) point() (p Point, err error) {
	var seconds float64
	var value string
	if err = json.Unmarshal(s[0], &seconds); err == nil {
		err = json.Unmarshal(s[1], &value)
	}
	if err == nil {
		p.Value, err = strconv.ParseFloat(value, 64)
	}
	p.At = time.UnixMilli(int64(seconds * 1000))
	return p, err
}

func ask(ctx context.Context, address string, form url.Values) (all []Series, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	var got answer
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		return nil, fmt.Errorf("read Prometheus' answer: %w", err)
	}
	if got.Status != "success" {
		return nil, fmt.Errorf("ask Prometheus for %s: %s", form.Get("query"), got.Error)
	}
	for _, r := range got.Data.Result {
		s := Series{Labels: r.Metric}
		if r.Values == nil {
			r.Values = []sample{r.Value}
		}
		for _, v := range r.Values {
			p, err := v.point()
			if err != nil {
				return nil, fmt.Errorf("read Prometheus' answer: %w", err)
			}
			s.Points = append(s.Points, p)
		}
		all = append(all, s)
	}
	return all, nil
}
