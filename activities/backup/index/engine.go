package index

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/weaviate/weaviate-go-client/v4/weaviate"
	"github.com/weaviate/weaviate-go-client/v4/weaviate/fault"
	"github.com/weaviate/weaviate/entities/models"
)

const (
	// callTimeout bounds one call. Weaviate lists all tenants in one answer.
	callTimeout = time.Minute
	// pollEvery is how often Weaviate is asked how far it is.
	pollEvery = 500 * time.Millisecond
)

// engine is the Weaviate server.
type engine struct {
	client  *weaviate.Client
	http    *http.Client
	backend string
	o       Options
}

func connect(o Options) (*engine, error) {
	backend, err := o.backend()
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("weaviate URL %q is not of the form http://host:port", o.URL)
	}
	headers := make(map[string]string)
	if o.APIKey != "" {
		headers["Authorization"] = "Bearer " + o.APIKey
	}
	e := &engine{backend: backend, o: o, http: &http.Client{
		Timeout:   callTimeout,
		Transport: &http.Transport{TLSClientConfig: o.TLS, MaxIdleConnsPerHost: counters},
	}}
	e.client, err = weaviate.NewClient(weaviate.Config{Scheme: base.Scheme, Host: base.Host, Headers: headers, ConnectionClient: e.http})
	if err != nil {
		return nil, fmt.Errorf("make a weaviate client: %w", err)
	}
	return e, nil
}

func (e *engine) close() { e.http.CloseIdleConnections() }

// slowError is an answer that did not come, or one that says that the server, or what
// stands before it, is overloaded: asking again may help.
type slowError struct{ error }

func (e slowError) Unwrap() error { return e.error }

// classify gives an error of the client its meaning. The client wraps causes without
// Unwrap, so its own type has to be looked into.
func classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var answered *fault.WeaviateClientError
	if errors.As(err, &answered) {
		if answered.DerivedFromError != nil {
			return classify(answered.DerivedFromError)
		}
		if answered.StatusCode >= http.StatusInternalServerError || answered.StatusCode == http.StatusTooManyRequests {
			return slowError{fmt.Errorf("%w: %w", ErrServer, err)}
		}
		return err
	}
	var transport net.Error
	if errors.As(err, &transport) && transport.Timeout() {
		return slowError{fmt.Errorf("%w: %w", ErrServer, err)}
	}
	return fmt.Errorf("%w: %w", ErrServer, err)
}

// answers reports whether the server answered with a certain status.
func answers(err error, status int) bool {
	var answered *fault.WeaviateClientError
	return errors.As(err, &answered) && answered.StatusCode == status
}

// node is the name and version of the only node.
func (e *engine) node(ctx context.Context) (name, version string, err error) {
	status, err := e.client.Cluster().NodesStatusGetter().Do(ctx)
	if err != nil {
		return "", "", fmt.Errorf("look at weaviate's nodes: %w", classify(err))
	}
	if len(status.Nodes) != 1 {
		return "", "", fmt.Errorf("%w: there are %d, one can be backed up", ErrNode, len(status.Nodes))
	}
	return status.Nodes[0].Name, status.Nodes[0].Version, nil
}

// beginBackup starts a backup of some collections. Weaviate does not compress: its files are
// packed and compressed once, here.
func (e *engine) beginBackup(ctx context.Context, name string, collections []string) error {
	_, err := e.client.Backup().Creator().WithBackend(e.backend).WithBackupID(name).WithIncludeClassNames(collections...).
		WithConfig(&models.BackupConfig{CPUPercentage: int64(e.o.CPU), CompressionLevel: "NoCompression"}).Do(ctx)
	return refusal("begin a backup", err)
}

// beginRestore starts a restore of all that the staging holds under a name. Users and
// roles are the server's own, and stay.
func (e *engine) beginRestore(ctx context.Context, name string) error {
	_, err := e.client.Backup().Restorer().WithBackend(e.backend).WithBackupID(name).
		WithConfig(&models.RestoreConfig{CPUPercentage: int64(e.o.CPU)}).Do(ctx)
	return refusal("begin a restore", err)
}

// refusal tells a server that says no from one that does not answer.
func refusal(what string, err error) error {
	if err = classify(err); err == nil || errors.Is(err, ErrServer) || errors.Is(err, context.Canceled) {
		return wrapped(what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, ErrFailed, err)
}

func wrapped(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// look asks how far a backup or restore is.
type look func(ctx context.Context) (status, reason string, err error)

func (e *engine) backupStatus(name string) look {
	return func(ctx context.Context) (string, string, error) {
		answer, err := e.client.Backup().CreateStatusGetter().WithBackend(e.backend).WithBackupID(name).Do(ctx)
		if err != nil {
			return "", "", refusal("ask how far the backup is", err)
		}
		return *answer.Status, answer.Error, nil
	}
}

func (e *engine) restoreStatus(name string) look {
	return func(ctx context.Context) (string, string, error) {
		answer, err := e.client.Backup().RestoreStatusGetter().WithBackend(e.backend).WithBackupID(name).Do(ctx)
		if err != nil {
			return "", "", refusal("ask how far the restore is", err)
		}
		return *answer.Status, answer.Error, nil
	}
}

// The ends of a backup or restore, in Weaviate's words.
const (
	succeeded = "SUCCESS"
	failed    = "FAILED"
	cancelled = "CANCELED"
)

// await asks until Weaviate is done, and fails with [ErrFailed] or [ErrServer]. A server
// that was started again does not know that it was restoring, and would be asked for
// ever: so one whose connections fail is given up at once. Nobody is told of a step
// without a name.
func (e *engine) await(ctx context.Context, step Step, ask look) error {
	silentSince := time.Now()
	for {
		status, reason, err := ask(ctx)
		var slow slowError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &slow) && time.Since(silentSince) < e.o.Patience:
		case err != nil:
			return err
		case status == succeeded:
			return nil
		case status == failed || status == cancelled:
			return fmt.Errorf("%w: it says %s: %s", ErrFailed, status, reason)
		default:
			silentSince = time.Now()
			if step != "" {
				e.o.tell(step, 0, 0)
			}
		}
		if err := pause(ctx, pollEvery); err != nil {
			return err
		}
	}
}

// pause waits, unless the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
