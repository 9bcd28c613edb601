package retention

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"go.temporal.io/sdk/activity"

	"meai/internal/objects"
)

// Link is a connection of this process to an engine or a service.
type Link struct {
	Name string
	// Encrypted: it speaks TLS. Host is where it leads.
	Encrypted bool
	Host      string
}

// Local reports whether what goes to a host stays on this machine: it is a loopback address,
// localhost, or a folder with a socket.
func Local(host string) bool {
	if host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// Bucket is a place where objects are sealed.
type Bucket struct {
	Name string
	// Open opens it; it is closed when it was looked at.
	Open func(context.Context) (objects.Erasable, error)
	// Starts are how its sealed objects begin, by the beginning of their names; "" for all.
	// Objects of other names hold nothing of anybody's and are not looked at.
	Starts map[string][]string
	// Described is how the names of objects end that only describe others; "" for none.
	Described string
}

// CheckPlaces looks whether connections beyond this machine are encrypted, and whether the
// objects of all buckets begin as sealed ones do.
func (e *Encryption) CheckPlaces(ctx context.Context, _ LookInput) (Look, error) {
	look, f := Look{}, found{}
	for _, link := range e.Links {
		look.Looked.Links++
		if !link.Encrypted && !Local(link.Host) {
			f.add(InTheOpen, link.Name, "", 1)
		}
	}
	for _, bucket := range e.Buckets {
		n, err := bucket.look(ctx, f)
		if err != nil {
			return Look{}, fmt.Errorf("look into bucket %s: %w", bucket.Name, err)
		}
		look.Looked.Objects += n
		activity.RecordHeartbeat(ctx, bucket.Name)
	}
	look.Findings = f.list()
	return look, nil
}

func (b Bucket) look(ctx context.Context, f found) (seen int64, err error) {
	store, err := b.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for prefix, starts := range b.Starts {
		names, err := some(ctx, store, prefix)
		if err != nil {
			return seen, err
		}
		for _, name := range names {
			if b.Described != "" && strings.HasSuffix(name, b.Described) {
				continue
			}
			sealed, err := begins(ctx, store, name, starts)
			if errors.Is(err, objects.ErrAbsent) {
				continue // it was removed since it was listed
			}
			if err != nil {
				return seen, fmt.Errorf("read an object: %w", err)
			}
			if seen++; !sealed {
				f.add(NotSealed, b.Name, strings.TrimSuffix(prefix, "/"), 1)
			}
			activity.RecordHeartbeat(ctx, seen)
		}
	}
	return seen, nil
}

// pages bounds how many names are listed of a large bucket.
const pages = 20

// some are names spread over what is listed first.
func some(ctx context.Context, store objects.Erasable, prefix string) ([]string, error) {
	var all []string
	token := []byte(nil)
	for range pages {
		names, next, err := store.List(ctx, prefix, token, 1000)
		if err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		all = append(all, names...)
		if token = next; len(next) == 0 {
			break
		}
	}
	step := max(len(all)/sampleNames, 1)
	var names []string
	for i := 0; i < len(all); i += step {
		names = append(names, all[i])
	}
	return names, nil
}

// begins reports whether an object begins with any of the given.
func begins(ctx context.Context, store objects.Store, name string, starts []string) (is bool, err error) {
	r, err := store.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	start := make([]byte, 64)
	n, err := io.ReadFull(r, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	for _, s := range starts {
		if bytes.HasPrefix(start[:n], []byte(s)) {
			return true, nil
		}
	}
	return false, nil
}
