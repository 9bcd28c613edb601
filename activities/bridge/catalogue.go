package bridge

import (
	"context"
	"time"

	"meai/internal/failure"
)

// Catalogue shows single resources. It needs neither a model nor the vector index.
type Catalogue struct {
	Library *Library
	Links   *Links
}

// Described is a resource with all that is known about it.
type Described struct {
	Resource
	// Due is when its review is due.
	Due time.Time
	// Link is nil when there is no page, or it was not checked yet.
	Link *LinkState
	// Withheld: search offers it no more.
	Withheld bool
	Related  []Resource
	// Degraded names what could not be found out.
	Degraded []string
}

// Resource returns a resource as its file has it; [failure.NotFound] for an id that
// the library lacks.
func (c *Catalogue) Resource(id string) (Resource, error) {
	r, there := c.Library.Resource(id)
	if !there {
		// The id is the caller's word, and stays out of the message.
		return Resource{}, failure.New(failure.NotFound, "the library has no such resource", nil)
	}
	return r, nil
}

// Describe returns a resource with what surrounds it.
func (c *Catalogue) Describe(ctx context.Context, id string) (Described, error) {
	r, err := c.Resource(id)
	if err != nil {
		return Described{}, err
	}
	d := Described{Resource: r, Due: r.Due()}
	for _, other := range c.Library.Related(id) {
		related, _ := c.Library.Resource(other)
		d.Related = append(d.Related, related)
	}
	if d.Link, err = c.Links.State(ctx, r); err != nil {
		d.Degraded = []string{"link_unavailable"}
	}
	d.Withheld = d.Link != nil && d.Link.withheld()
	return d, nil
}
