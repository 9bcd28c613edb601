package drill

import (
	"context"
	"path/filepath"

	"github.com/google/uuid"

	"meai/activities/backup/people"
	"meai/activities/backup/repository"
	"meai/internal/objects"
)

// person are drills with the archive of a single person.
func (s *stage) person() []drill {
	return []drill{
		{"flipped bit in a person's archive", "Flip a bit in the archive of a person.",
			func(ctx context.Context, s *stage) (sighting, error) { return s.alteredArchive(ctx, flipped(1, 2)) }},
		{"truncated person's archive", "Cut the end off the archive of a person.",
			func(ctx context.Context, s *stage) (sighting, error) { return s.alteredArchive(ctx, cut) }},
	}
}

// alteredArchive archives somebody, and changes what was archived.
func (s *stage) alteredArchive(ctx context.Context, change func([]byte) []byte) (seen sighting, err error) {
	s.copies++
	b := &bucket{stage: s, number: s.copies, dir: filepath.Join(s.options.Dir, "copy-archive")}
	store, err := objects.OpenErasable(ctx, "file://"+b.dir+"?create_dir=true")
	if err != nil {
		return sighting{}, err
	}
	db, err := s.open(ctx)
	if err != nil {
		return sighting{}, err
	}
	defer db.Close()
	archives := &people.Archives{Store: store, DB: db, Keyring: s.keyring}
	subject := uuid.New()
	if err := s.keyring.Create(ctx, subject); err != nil {
		return sighting{}, err
	}
	if err := db.EnsureSubject(ctx, subject); err != nil {
		return sighting{}, err
	}
	written, err := archives.Write(ctx, subject, nil)
	if err != nil {
		return sighting{}, err
	}
	if _, err := archives.Check(ctx, subject, written.Name); err != nil {
		return sighting{}, err
	}
	if err := b.alter(written.Name, change); err != nil {
		return sighting{}, err
	}
	_, err = archives.Check(ctx, subject, written.Name)
	return sighting{good: err == nil}.heard(err).naming(written.Name, repository.ErrAltered.Error()), store.Close()
}
