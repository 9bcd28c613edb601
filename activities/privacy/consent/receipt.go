package consent

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"meai/internal/alias"
	"meai/internal/failure"
	"meai/internal/ledger"
	"meai/internal/signing"
)

// timeForm is how receipts and the ledger write a time.
const timeForm = "2006-01-02T15:04:05.000000Z"

// Key signs receipts. Whoever has its public half can show that a receipt is ours.
func (s *Store) Key(ctx context.Context) (*signing.Key, error) {
	return signing.Derive(ctx, s.Keys, "meai-consent", "consent-receipt")
}

// receipt is the signed note of a decision. The same decision always has the same one.
func (s *Store) receipt(ctx context.Context, a alias.Alias, r Record) (string, error) {
	key, err := s.Key(ctx)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("meai-consent/1\nreceipt %s\nperson %s\npurpose %s\ndecision %s\ntext %d %s\ntext-sha256 %s\nat %s\n",
		r.ID, a, r.Purpose, r.Decision, r.Version, r.Language, hex.EncodeToString(r.Hash[:]), r.At.Format(timeForm))
	if !r.Expires.IsZero() {
		text += "until " + r.Expires.UTC().Format(timeForm) + "\n"
	}
	note, err := key.Sign(text)
	return string(note), err
}

// withdrawal is the ledger's act.
func withdrawal(a alias.Alias, r Record) ledger.Act {
	return ledger.Act{Kind: ledger.ConsentWithdrawn, ID: "consent/" + r.ID.String(), Fields: map[string]string{
		"alias": a.String(), "id": r.ID.String(), "purpose": string(r.Purpose), "at": r.At.Format(timeForm),
		"version": strconv.Itoa(r.Version), "language": r.Language, "hash": hex.EncodeToString(r.Hash[:]),
	}}
}

// withdrawn reads what withdrawal writes.
func withdrawn(fields map[string]string) (a alias.Alias, r Record, err error) {
	broken := func(cause error) error {
		return failure.New(failure.InvalidInput, "the ledger's entry is no withdrawal", cause)
	}
	if a, err = alias.Parse(fields["alias"]); err != nil {
		return a, r, broken(err)
	}
	r = Record{Purpose: Purpose(fields["purpose"]), Decision: Withdrawn, Language: fields["language"]}
	if r.ID, err = uuid.Parse(fields["id"]); err != nil {
		return a, r, broken(err)
	}
	if r.At, err = time.Parse(timeForm, fields["at"]); err != nil {
		return a, r, broken(err)
	}
	if r.Version, err = strconv.Atoi(fields["version"]); err != nil {
		return a, r, broken(err)
	}
	hash, err := hex.DecodeString(fields["hash"])
	if err != nil || len(hash) != len(r.Hash) {
		return a, r, broken(err)
	}
	copy(r.Hash[:], hash)
	return a, r, nil
}
