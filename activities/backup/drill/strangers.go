package drill

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"

	"meai/activities/backup"
	"meai/activities/backup/catalogue"
	"meai/activities/backup/repository"
	"meai/activities/backup/restore"
	"meai/internal/custody"
	"meai/internal/signing"
)

// strangers are drills with other people's keys and signatures.
func (s *stage) strangers() []drill {
	o, forged := s.objects, repository.ErrForged.Error()
	all := []drill{
		{"another prover's key", "Try to prove the backup with another prover's key.", anotherProver},
		{"custodians of another circle", "Try to restore with two custodians' keys for whom nothing was sealed.", otherCustodians},
		{"one custodian twice", "Try to restore with one custodian's key, given twice.", oneCustodian},
		planted("proof that nobody made", "Put a report that the backup is proven beside it, signed by another system.",
			func(ctx context.Context, b *bucket) error {
				forger, err := b.openAs(ctx, b.forger)
				if err != nil {
					return err
				}
				return forger.Report(ctx, repository.Report{Backup: b.taken.Backup, State: repository.Proven, At: b.marked.At})
			}, repository.PartName(s.taken.Backup, "proven-"), forged),
	}
	for _, d := range []struct{ kind, name string }{{"manifest", o.manifest}, {"key", o.key}, {"mark", o.mark}} {
		all = append(all,
			planted(d.kind+" signed by another", "Have another system sign the description.",
				func(ctx context.Context, b *bucket) error { return b.forge(ctx, d.name, b.forger) }, d.name, forged),
			planted(d.kind+" that is not signed", "Take the description's signature away.",
				func(ctx context.Context, b *bucket) error { return b.forge(ctx, d.name, nil) }, d.name, forged))
	}
	return all
}

func (b *bucket) openAs(ctx context.Context, signer *signing.Key) (*repository.Repository, error) {
	return repository.Open(ctx, "file://"+b.dir, signer)
}

// forge writes a description anew, as whoever has the bucket but not the keyring can.
func (b *bucket) forge(ctx context.Context, name string, signer *signing.Key) error {
	var says json.RawMessage
	if err := b.repository.Get(ctx, name, &says); err != nil {
		return err
	}
	forger, err := b.openAs(ctx, signer)
	if err != nil {
		return err
	}
	if err := b.remove(name); err != nil {
		return err
	}
	return forger.Put(ctx, name, says)
}

func stranger() (custody.Identity, error) {
	private, _, err := custody.NewIdentity()
	if err != nil {
		return custody.Identity{}, err
	}
	return custody.ParseIdentity(private)
}

func anotherProver(ctx context.Context, s *stage) (sighting, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return sighting{}, err
	}
	p := b.prover()
	if p.Identity, err = stranger(); err != nil {
		return sighting{}, err
	}
	return b.provenBy(ctx, p, s.taken.Backup).naming(s.objects.key, repository.ErrKey.Error()), nil
}

func otherCustodians(ctx context.Context, s *stage) (sighting, error) {
	one, err := stranger()
	if err != nil {
		return sighting{}, err
	}
	other, err := stranger()
	if err != nil {
		return sighting{}, err
	}
	return s.opened(ctx, one, other)
}

func oneCustodian(ctx context.Context, s *stage) (sighting, error) {
	return s.opened(ctx, s.Custodians[0], s.Custodians[0])
}

// opened has custodians try to restore who cannot.
func (s *stage) opened(ctx context.Context, custodians ...custody.Identity) (sighting, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return sighting{}, err
	}
	return b.restored(ctx, custodians...).naming(s.objects.key, repository.ErrKey.Error()), nil
}

// old are drills in which the bucket is an earlier copy of itself.
func (s *stage) old() []drill {
	return []drill{
		{"stale bucket, by the second location", "Put the bucket back to a copy from before a mark that the second location has.", staleBucket},
		{"stale bucket, by the catalogue", "Put the bucket back to a copy without a backup that the catalogue in the database has.", staleCatalogue},
	}
}

func staleBucket(ctx context.Context, s *stage) (sighting, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return sighting{}, err
	}
	second, err := repository.Open(ctx, "file://"+filepath.Join(s.options.Dir, "copy-second")+"?create_dir=true", s.signer)
	if err != nil {
		return sighting{}, err
	}
	a := s.Activities()
	a.Second = second
	marked, err := a.Mark(ctx, struct{}{})
	if err != nil {
		return sighting{}, err
	}
	p := b.prover()
	p.Second = second
	seen := b.provenBy(ctx, p, s.taken.Backup)
	return seen.naming(restore.ErrStale.Error(), marked.At.UTC().Format("2006-01-02T15:04:05Z")), second.Close()
}

func staleCatalogue(ctx context.Context, s *stage) (sighting, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return sighting{}, err
	}
	db, err := s.open(ctx)
	if err != nil {
		return sighting{}, err
	}
	defer db.Close()
	a := &backup.Activities{Repository: b.repository, Catalogue: &catalogue.Store{DB: db}, Logger: s.log}
	if _, err := a.Sync(ctx, struct{}{}); err != nil {
		return sighting{}, err
	}
	if err := b.remove(strings.TrimSuffix(repository.PartName(s.taken.Backup, ""), "/")); err != nil {
		return sighting{}, err
	}
	_, err = a.Sync(ctx, struct{}{})
	return sighting{good: err == nil}.heard(err).naming(s.taken.Backup, restore.ErrStale.Error()), nil
}
