package drill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"meai/activities/backup"
	"meai/activities/backup/index"
	"meai/activities/backup/repository"
	"meai/internal/vectors"
	"meai/internal/weaviateserver"
)

// ofIndex are drills with Weaviate, where there is one.
func (s *stage) ofIndex() []drill {
	if s.options.Weaviate == "" {
		return nil
	}
	return []drill{{"flipped bit in the index", "Flip a bit of a backup of Weaviate.",
		func(ctx context.Context, s *stage) (sighting, error) {
			return s.alteredIndex(ctx, func(b *bucket, name string) error { return b.alter(name, flipped(1, 2)) }, altered)
		}},
		{"truncated index", "Cut the end off a backup of Weaviate.",
			func(ctx context.Context, s *stage) (sighting, error) {
				return s.alteredIndex(ctx, func(b *bucket, name string) error { return b.alter(name, cut) }, altered)
			}},
		{"missing index", "Remove what a backup of Weaviate consists of.",
			func(ctx context.Context, s *stage) (sighting, error) {
				return s.alteredIndex(ctx, func(b *bucket, name string) error { return b.remove(name) }, repository.ErrMissing.Error())
			}},
		{"kill -9 of Weaviate in a restore", "Kill the scratch server that an index is restored into.", killedIndex},
	}
}

// indexed is a copy of the bucket with a backup of Weaviate, which is taken once.
func (s *stage) indexed(ctx context.Context) (*bucket, string, error) {
	b, err := s.copied(ctx)
	if err != nil {
		return nil, "", err
	}
	server, err := weaviateserver.Start(ctx, weaviateserver.Options{Binary: s.options.Weaviate, Data: filepath.Join(s.options.Dir, fmt.Sprintf("copy-weaviate-%d", b.number)), Node: "drill"})
	if err != nil {
		return nil, "", err
	}
	defer server.Kill()
	if err := remembered(ctx, server); err != nil {
		return nil, "", err
	}
	a := s.Activities()
	a.Repository = b.repository
	a.Index = index.Options{URL: server.URL(), APIKey: server.APIKey(), Staging: "file://" + filepath.ToSlash(server.Backups())}
	taken, err := a.Take(ctx, backup.TakeInput{Kind: repository.Weaviate})
	return b, taken.Backup, err
}

// remembered writes what somebody remembers.
func remembered(ctx context.Context, server *weaviateserver.Server) error {
	x, err := vectors.Open(ctx, vectors.Options{URL: server.URL(), APIKey: server.APIKey(), Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer x.Close()
	subject := uuid.New()
	if err := errors.Join(x.EnsureClass(ctx), x.EnsureTenant(ctx, subject)); err != nil {
		return err
	}
	const count, dimensions = 20, 64
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]vectors.Object, count)
	for i := range all {
		vector := make([]float32, dimensions)
		for j := range vector {
			vector[j] = float32(random.NormFloat64())
		}
		all[i] = vectors.Object{ID: uuid.New(), Kind: "turn", SaidAt: time.Now(), Model: "drill", Vector: vector}
	}
	return x.Put(ctx, subject, all...)
}

func (s *stage) alteredIndex(ctx context.Context, plant func(*bucket, string) error, class string) (sighting, error) {
	b, id, err := s.indexed(ctx)
	if err != nil {
		return sighting{}, err
	}
	name := repository.PartName(id, index.Part)
	if err := plant(b, name); err != nil {
		return sighting{}, err
	}
	return b.provenBy(ctx, b.prover(), id).naming(name, class), nil
}

// killedIndex kills the server of a proof. The next attempt proves the backup.
func killedIndex(ctx context.Context, s *stage) (sighting, error) {
	b, id, err := s.indexed(ctx)
	if err != nil {
		return sighting{}, err
	}
	p, in := b.prover(), backup.ProveInput{Backup: id}
	if verified, err := p.Verify(ctx, in); err != nil || len(verified.Problems) > 0 {
		return sighting{}, errors.Join(err, errors.New(strings.Join(verified.Problems, "; ")))
	}
	killed := make(chan error, 1)
	go func() {
		// Its staging is there once the index is being unpacked for it.
		unpacking := filepath.Join(p.Scratch, "*", "backups", "*")
		waiting := await(ctx, "restore of an index", func() bool { found, _ := filepath.Glob(unpacking); return len(found) > 0 })
		killed <- errors.Join(waiting, kill(runningIn(p.Scratch, s.options.Weaviate)))
	}()
	outcome, err := p.Prove(ctx, in)
	entry, reading := b.repository.Entry(ctx, id)
	if err := errors.Join(<-killed, reading); err != nil {
		return sighting{}, err
	}
	seen := sighting{said: outcome.Problems, good: len(outcome.Problems) == 0 && err == nil || entry.State() == repository.Proven}
	seen = seen.heard(err).naming("weaviate", "killed")
	outcome, err = p.Prove(ctx, in)
	if err == nil && outcome.State != repository.Proven {
		err = fmt.Errorf("the next attempt: %s", strings.Join(outcome.Problems, "; "))
	}
	return seen, err
}
