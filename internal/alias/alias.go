// Package alias names a person where their id must not be kept: in the ledger, in
// certificates, and in registers that outlive an erasure.
//
// An alias is the HMAC of the person's id under a key of the system's key set. It does not
// rotate, and without the keyring nobody can tell whose it is, not even who knows the id.
package alias

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meai/internal/keyring"
	"meai/internal/postgres/queries"
)

// Alias is what a person is called. Its text is 64 hexadecimal digits.
type Alias [32]byte

// String is the alias in hexadecimal digits, as the ledger and certificates have it.
func (a Alias) String() string { return hex.EncodeToString(a[:]) }

// UUID stands for a person in a column for ids, once their own must not be there any more:
// the first half of the alias.
func (a Alias) UUID() uuid.UUID { return uuid.UUID(a[:16]) }

// Parse reads what [Alias.String] writes.
func Parse(text string) (a Alias, err error) {
	if n, err := hex.Decode(a[:], []byte(text)); err != nil || n != len(a) || len(text) != 2*len(a) {
		return Alias{}, errors.New("an alias is 64 hexadecimal digits")
	}
	return a, nil
}

const purpose keyring.Purpose = "subject-alias"

// Of is a person's alias. It needs the system's keys and no others: it works as well when
// the person's are destroyed.
func Of(ctx context.Context, keys *keyring.Keyring, subject uuid.UUID) (Alias, error) {
	system, err := keys.System(ctx)
	if err != nil {
		return Alias{}, fmt.Errorf("load the system's keys: %w", err)
	}
	return Alias(system.Blind(purpose, subject[:])), nil
}

// Ensure records a person's alias with them, for [Find], and returns it.
func Ensure(ctx context.Context, q *queries.Queries, keys *keyring.Keyring, subject uuid.UUID) (Alias, error) {
	a, err := Of(ctx, keys, subject)
	if err != nil {
		return Alias{}, err
	}
	if err := q.SetAlias(ctx, a[:], subject); err != nil {
		return Alias{}, fmt.Errorf("record an alias: %w", err)
	}
	return a, nil
}

// page is how many people are named at a time.
const page = 1000

// Find is who an alias is of; ok is false for nobody whom this database knows. People whose
// alias is not recorded, as in a database from before, are given theirs on the way.
func Find(ctx context.Context, q *queries.Queries, keys *keyring.Keyring, a Alias) (subject uuid.UUID, ok bool, err error) {
	for {
		subject, err = q.SubjectOfAlias(ctx, a[:])
		if err == nil {
			return subject, true, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return uuid.Nil, false, fmt.Errorf("look up an alias: %w", err)
		}
		nameless, err := q.SubjectsWithoutAlias(ctx, page)
		if err != nil {
			return uuid.Nil, false, fmt.Errorf("list people without an alias: %w", err)
		}
		if len(nameless) == 0 {
			return uuid.Nil, false, nil
		}
		for _, subject := range nameless {
			if _, err := Ensure(ctx, q, keys, subject); err != nil {
				return uuid.Nil, false, err
			}
		}
	}
}
