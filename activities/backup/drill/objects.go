package drill

import (
	"context"
	"slices"

	"meai/activities/backup/repository"
)

// drills are all that can be done here, those of the bucket first.
func (s *stage) drills() []drill {
	return slices.Concat(s.missing(), s.damaged(), s.strangers(), s.old(), s.uploads(), s.refusals(), s.kills(), s.comebacks(), s.person(), s.ofIndex())
}

// planted is a drill that changes a copy of the bucket, in which something is looked for
// by trying to prove the backup.
func planted(name, what string, plant func(context.Context, *bucket) error, names ...string) drill {
	return drill{name, what, func(ctx context.Context, s *stage) (sighting, error) {
		b, err := s.copied(ctx)
		if err != nil {
			return sighting{}, err
		}
		if err := plant(ctx, b); err != nil {
			return sighting{}, err
		}
		return b.proven(ctx).naming(names...), nil
	}}
}

// missing are drills in which an object is removed.
func (s *stage) missing() []drill {
	o := s.objects
	lacks := func(name string) func(context.Context, *bucket) error {
		return func(_ context.Context, b *bucket) error { return b.remove(name) }
	}
	last := o.segments[len(o.segments)-1]
	absent := repository.ErrMissing.Error()
	return []drill{
		planted("missing segment, in the middle", "Remove a segment of the log from the middle of what leads to the mark.",
			lacks(o.segments[1]), segmentOf(o.segments[1]), "missing"),
		planted("missing segment, the last whole one", "Remove the last complete segment of the log before the mark.",
			lacks(last), segmentOf(last), "missing"),
		planted("missing partial segment", "Remove the piece of the log that the mark lies in.",
			lacks(o.partial), segmentOf(o.partial), "not archived yet"),
		planted("missing timeline history", "Remove the history of the timeline that the backup is of.", lacks(o.history), segmentOf(o.history)+".history", "missing"),
		planted("missing base", "Remove the archive of the cluster's files.", lacks(o.base), o.base, absent),
		planted("missing list of files", "Remove the server's list of the cluster's files.", lacks(o.files), o.files, absent),
		planted("missing key", "Remove the wrapped data key of the backup.", lacks(o.key), o.key, absent),
		planted("missing mark", "Remove what the database held at the point to restore to.", lacks(o.mark), "there is no mark of", absent),
	}
}

// damaged are drills in which an object is not what was written.
func (s *stage) damaged() (all []drill) {
	o := s.objects
	for _, sealed := range []struct{ kind, name string }{
		{"base", o.base}, {"list of files", o.files}, {"segment", o.segments[1]}, {"partial segment", o.partial}, {"timeline history", o.history},
	} {
		all = append(all,
			flip(sealed.kind, sealed.name, (*bucket).contents),
			planted("truncated "+sealed.kind, "Cut the end off the object.",
				func(_ context.Context, b *bucket) error { return b.alter(sealed.name, cut) }, sealed.name, altered))
	}
	for _, signed := range []struct{ kind, name string }{{"key", o.key}, {"manifest", o.manifest}, {"mark", o.mark}} {
		all = append(all,
			flip(signed.kind, signed.name, (*bucket).description),
			planted("truncated "+signed.kind, "Cut the end off the description.",
				func(_ context.Context, b *bucket) error { return b.alter(signed.name, cut) }, signed.name, altered))
	}
	return append(all, s.damagedReport(), s.swapped("base and list of files", o.base, o.files, altered),
		s.swapped("segments", o.segments[1], o.segments[2], altered), s.swapped("segment and partial segment", o.segments[1], o.partial, altered),
		s.swappedDescriptions())
}

// altered is what is said of an object that is not as it was written.
var altered = repository.ErrAltered.Error()

// flip flips a bit at several places of an object, each of which must be seen by whoever
// reads it, and then tries to prove the backup with one.
func flip(kind, name string, read func(*bucket, context.Context, string) error) drill {
	return planted("flipped bit in "+kind, "Flip a bit of the object, at nine places in turn.", func(ctx context.Context, b *bucket) error {
		err := b.everyPlace(ctx, name, func(ctx context.Context, name string) error { return read(b, ctx, name) })
		if err != nil {
			return err
		}
		return b.alter(name, flipped(1, 10)) // not in a signature, of which it would be said that it is forged
	}, name, altered)
}

// swapped gives each of two objects the other's contents. Both are whole and sealed by
// this system, under another name.
func (s *stage) swapped(kind, one, other, class string) drill {
	return planted("swapped "+kind, "Give each of two objects the contents of the other.",
		func(_ context.Context, b *bucket) error { return b.swap(one, other) }, one, class)
}

// damagedReport flips a bit of a report on a backup.
func (s *stage) damagedReport() drill {
	prefix := repository.PartName(s.taken.Backup, "held-")
	return planted("flipped bit in report", "Report that the backup is held, and flip a bit of that, at nine places in turn.",
		func(ctx context.Context, b *bucket) error {
			report := repository.Report{Backup: b.taken.Backup, State: repository.Held, At: b.marked.At}
			if err := b.repository.Report(ctx, report); err != nil {
				return err
			}
			names, err := b.repository.Names(ctx, prefix)
			if err != nil {
				return err
			}
			if err := b.everyPlace(ctx, names[0], b.description); err != nil {
				return err
			}
			return b.alter(names[0], flipped(1, 10))
		}, prefix, altered)
}

// swappedDescriptions puts the key of the backup in the place of that of the log, both
// signed by this system.
func (s *stage) swappedDescriptions() drill {
	return planted("swapped keys", "Put the wrapped key of the log in the place of the backup's.", func(ctx context.Context, b *bucket) error {
		keys, err := b.repository.Names(ctx, "keys/")
		if err != nil {
			return err
		}
		other := slices.IndexFunc(keys, func(name string) bool { return name != s.objects.key })
		return b.swap(s.objects.key, keys[other])
	}, s.objects.key, repository.ErrForged.Error())
}
