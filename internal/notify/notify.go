// Package notify brings short messages to people on duty: by webhook, e-mail,
// PagerDuty, Opsgenie, Slack, Teams, Mattermost or ntfy, as a URL says.
//
// It wraps github.com/nicholas-fedor/shoutrrr (MIT), whose URLs it takes:
// https://shoutrrr.nickfedor.com/latest/services/overview/. They hold secrets, and so
// do the library's errors, which quote them: neither leaves this package.
package notify

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"meai/internal/failure"
)

// Message is what somebody on duty is told. Every part of it is seen by whoever runs
// the service that carries it.
type Message struct {
	// Key is one matter's: services that can put messages of the same key together.
	Key         string
	Title, Text string
	// Link is where to go on.
	Link string
	// Urgent: somebody is to be woken up.
	Urgent bool
}

// Notifier brings a message to one place. The message may arrive more than once.
type Notifier interface {
	// Notify returns once the service has taken the message. It fails with
	// [failure.InvalidInput] when no repeat can help.
	Notify(ctx context.Context, m Message) error
	// Service is the name of what carries the message, such as "slack".
	Service() string
}

// timeout bounds one message; less when the caller has less time.
const timeout = 20 * time.Second

// sending bounds what a process has under way. Not every service of the library can
// be told to stop: one that takes a connection and never answers keeps its place.
var sending = make(chan struct{}, 64)

// target is a place that a URL names.
type target struct {
	service service
	url     url.URL
}

// Parse reads URLs, separated by white space, and tries each as far as that goes
// without sending. An error tells which is wrong, and never what it holds.
func Parse(urls string) ([]Notifier, error) {
	var targets []Notifier
	for i, text := range strings.Fields(urls) {
		t, err := parse(text)
		if err != nil {
			return nil, failure.New(failure.InvalidInput, fmt.Sprintf("notification URL %d: %s", i+1, err), nil)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func parse(text string) (*target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("is no URL") // the cause quotes it
	}
	s, known := services[u.Scheme]
	if !known {
		return nil, fmt.Errorf("its scheme is none of %s", strings.Join(slices.Sorted(maps.Keys(services)), ", "))
	}
	t := &target{service: s, url: *u}
	if _, err := t.open(Message{Key: "none"}); err != nil {
		return nil, fmt.Errorf("it is no valid %s URL", u.Scheme)
	}
	return t, nil
}

// Service implements [Notifier].
func (t *target) Service() string { return t.url.Scheme }

// open makes the library's service anew for each message: some keep what they were
// last told in their configuration, so that one service is not safe for two.
func (t *target) open(m Message) (types.Service, error) {
	u := t.url
	if t.service.address != nil {
		q := u.Query()
		t.service.address(q, m)
		u.RawQuery = q.Encode()
	}
	s := t.service.open()
	return s, s.Initialize(&u, log.New(io.Discard, "", 0))
}

// Notify implements [Notifier].
func (t *target) Notify(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, err := t.open(m)
	if err != nil {
		return failure.New(failure.InvalidInput, "the "+t.Service()+" URL is not valid", nil)
	}
	select {
	case sending <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("notify by %s: too many messages are under way", t.Service())
	}
	sent := make(chan error, 1)
	go func() {
		defer func() { <-sending }()
		sent <- send(ctx, s, m, t.service.params(m))
	}()
	select {
	case err := <-sent:
		return t.failed(err)
	case <-ctx.Done():
		return fmt.Errorf("notify by %s: %w", t.Service(), ctx.Err())
	}
}

func send(ctx context.Context, s types.Service, m Message, params types.Params) error {
	text := strings.TrimSpace(m.Text + "\n" + m.Link)
	if s, ok := s.(interface {
		SendWithContext(ctx context.Context, message string, params *types.Params) error
	}); ok {
		return s.SendWithContext(ctx, text, &params)
	}
	return s.Send(text, &params)
}

// status finds an HTTP status in the library's errors.
var status = regexp.MustCompile(`\b[45]\d\d\b`)

// failed says what went wrong without quoting: the library's errors hold the URL,
// the token in it, and what the service answered.
func (t *target) failed(err error) error {
	if err == nil {
		return nil
	}
	if code := status.FindString(err.Error()); code != "" {
		return fmt.Errorf("notify by %s: it did not take the message (%s)", t.Service(), code)
	}
	return fmt.Errorf("notify by %s: it did not take the message", t.Service())
}
