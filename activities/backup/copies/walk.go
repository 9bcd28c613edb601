package copies

import (
	"context"
	"fmt"
	"iter"
)

// listPage is how many names are asked for at once.
const listPage = 1000

// names lists what begins with a prefix, without it, in order.
func names(ctx context.Context, b Bucket, prefix string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		last := ""
		for token := []byte(nil); ; {
			page, next, err := b.List(ctx, prefix, token, listPage)
			if err != nil {
				yield(Item{}, fmt.Errorf("list %s: %w", prefix, err))
				return
			}
			for _, name := range page {
				if name <= last {
					yield(Item{}, fmt.Errorf("list %s: the bucket does not list in the order of names", prefix))
					return
				}
				last = name
				if name == prefix {
					continue // what consoles put into a bucket to show it as a folder
				}
				if !yield(Item{Name: name[len(prefix):]}, nil) {
					return
				}
			}
			if len(next) == 0 {
				return
			}
			token = next
		}
	}
}

// entry is one name and where it is found.
type entry struct {
	name           string
	source, copied bool
	// known is what the inventory has of it, if isKnown.
	known   Item
	isKnown bool
}

// walk goes through the names at the source, among the copies, and in an inventory.
func (c *Copier) walk(ctx context.Context, inventory iter.Seq2[Item, error]) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		source, copied, known := begin(names(ctx, c.Source, "")), begin(names(ctx, c.Place.Store(), c.objects())), begin(inventory)
		all := []*list{source, copied, known}
		defer func() {
			for _, l := range all {
				l.stop()
			}
		}()
		for {
			name, err := least(all)
			if err != nil {
				yield(entry{}, err)
				return
			}
			if name == "" {
				return
			}
			e := entry{name: name}
			_, e.source = source.take(name)
			_, e.copied = copied.take(name)
			e.known, e.isKnown = known.take(name)
			if !yield(e, nil) {
				return
			}
		}
	}
}

// list is a list of items whose first is known.
type list struct {
	next func() (Item, error, bool)
	stop func()
	head Item
	err  error
	ok   bool
}

func begin(items iter.Seq2[Item, error]) *list {
	l := &list{}
	l.next, l.stop = iter.Pull2(items)
	l.head, l.err, l.ok = l.next()
	return l
}

// take takes the first if it has this name.
func (l *list) take(name string) (i Item, ok bool) {
	if !l.ok || l.head.Name != name {
		return Item{}, false
	}
	i = l.head
	l.head, l.err, l.ok = l.next()
	return i, true
}

// least is the first name of all; empty at the end of all.
func least(all []*list) (name string, err error) {
	for _, l := range all {
		if l.ok && l.err != nil {
			return "", l.err
		}
		if l.ok && (name == "" || l.head.Name < name) {
			name = l.head.Name
		}
	}
	return name, nil
}

// Names are some of very many.
type Names struct {
	Count int `json:"count"`
	// First are at most 100 of them.
	First []string `json:"first,omitempty"`
}

const mostNames = 100

func (n *Names) add(name string) {
	if n.Count++; n.Count <= mostNames {
		n.First = append(n.First, name)
	}
}
