package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meai/activities/interaction"
	"meai/activities/privacy/consent"
	"meai/activities/privacy/requests"
	"meai/internal/audit"
	"meai/internal/failure"
	"meai/internal/keyring"
	"meai/internal/postgres"
	"meai/internal/postgres/queries"
)

// mostVaulted bounds what is read of a vault at once.
const mostVaulted = 1000

// openFor is how long the vault stays open for a session.
const openFor = 15 * time.Minute

// VaultAct is what was done with the vault.
type VaultAct string

const (
	VaultStored   VaultAct = "stored"
	VaultListed   VaultAct = "listed"
	VaultRead     VaultAct = "read"
	VaultRecalled VaultAct = "recalled"
	VaultDeleted  VaultAct = "deleted"
	VaultOpened   VaultAct = "opened"
	VaultClosed   VaultAct = "closed"
)

// vaultActs are the same in the audit log.
var vaultActs = map[VaultAct]audit.Act{
	VaultStored: audit.VaultStored, VaultListed: audit.VaultListed, VaultRead: audit.VaultRead, VaultRecalled: audit.VaultRecalled,
	VaultDeleted: audit.VaultDeleted, VaultOpened: audit.VaultOpened, VaultClosed: audit.VaultClosed,
}

// VaultItem is a memory in the vault, without its words.
type VaultItem struct {
	ID         uuid.UUID
	SaidAt     time.Time
	RecordedAt time.Time
}

// VaultOpening lets one session recall from the vault for a while.
type VaultOpening struct {
	ID, Session         uuid.UUID
	OpenedAt, ExpiresAt time.Time
}

// VaultAccess is one access, for the owner to see.
type VaultAccess struct {
	ID  uuid.UUID
	At  time.Time
	Act VaultAct
	// Memory and Session are zero where there was none.
	Memory, Session uuid.UUID
}

// Vaults keep the memories that need the person's consent and a fresh proof of who they are
// on every access; whoever calls them has made sure of both. Every access is recorded, in the
// transaction in which it happens, where the owner sees it and in the audit log.
type Vaults struct {
	DB    *postgres.DB
	Keys  *keyring.Keyring
	Audit *audit.Log
	// Ledger has each deletion, so that no restore undoes it; nil for none.
	Ledger audit.Committer
}

// access is one to record.
type access struct {
	act             VaultAct
	memory, session uuid.UUID
}

// record writes it; it belongs at the end of a transaction (see [audit.Append]).
func (v *Vaults) record(ctx context.Context, q *queries.Queries, subject uuid.UUID, a access) error {
	now := time.Now().UTC()
	err := q.RecordVaultAccess(ctx, queries.RecordVaultAccessParams{
		SubjectID: subject, ID: uuid.Must(uuid.NewV7()), At: now, Act: string(a.act), NodeID: unlessZero(a.memory), SessionID: unlessZero(a.session),
	})
	if err != nil {
		return fmt.Errorf("record the access: %w", err)
	}
	entry := audit.Entry{Role: "person", Act: vaultActs[a.act], Outcome: audit.Succeeded}
	if entry.Actor, err = v.Audit.Person(ctx, subject); err != nil {
		return err
	}
	if a.memory != uuid.Nil {
		entry.Kind = audit.Memory
		if entry.Object, err = v.Audit.Object(ctx, audit.Memory, a.memory.String()); err != nil {
			return err
		}
	}
	_, err = audit.Append(ctx, q, entry)
	return err
}

// change runs a change of the vault with its record.
func (v *Vaults) change(ctx context.Context, subject uuid.UUID, a access, do func(context.Context, *queries.Queries) error) error {
	err := v.DB.Write(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if err := do(ctx, q); err != nil {
			return err
		}
		return v.record(ctx, q, subject, a)
	})
	if err != nil {
		return fmt.Errorf("the vault, %s: %w", a.act, err)
	}
	return nil
}

// Items lists what is in the vault, newest first, at most 1,000.
func (v *Vaults) Items(ctx context.Context, subject uuid.UUID) (items []VaultItem, err error) {
	err = v.change(ctx, subject, access{act: VaultListed}, func(ctx context.Context, q *queries.Queries) error {
		rows, err := q.VaultItems(ctx, subject, mostVaulted)
		for _, row := range rows {
			items = append(items, VaultItem{ID: row.ID, SaidAt: row.SaidAt.UTC(), RecordedAt: row.RecordedAt.UTC()})
		}
		return err
	})
	return items, err
}

// Read opens one memory. Errors: [failure.NotFound].
func (v *Vaults) Read(ctx context.Context, subject, id uuid.UUID) (m Memory, err error) {
	keys, err := v.Keys.Keys(ctx, subject)
	if err != nil {
		return Memory{}, fmt.Errorf("read from the vault: %w", err)
	}
	err = v.change(ctx, subject, access{act: VaultRead, memory: id}, func(ctx context.Context, q *queries.Queries) error {
		row, err := q.MemoryNode(ctx, subject, id)
		if err := unlessFound(err, "memory in the vault"); err != nil {
			return err
		}
		if Kind(row.Kind) != Vault {
			return failure.New(failure.NotFound, "there is no such memory in the vault", nil)
		}
		n, err := opened(keys, row)
		m = n.memory(0)
		return err
	})
	return m, err
}

// Delete removes one memory for good. What it returns is a confirmed forgetting, which
// deletes the copies once it is started. Errors: [failure.NotFound], [failure.Held].
func (v *Vaults) Delete(ctx context.Context, subject, id uuid.UUID) (f Forgetting, err error) {
	now := time.Now().UTC()
	err = v.change(ctx, subject, access{act: VaultDeleted, memory: id}, func(ctx context.Context, q *queries.Queries) error {
		if err := q.LockMemories(ctx, subject); err != nil {
			return err
		}
		write, err := q.DeleteVaultItem(ctx, now, subject, id)
		if err != nil {
			return unlessFound(err, "memory in the vault")
		}
		if err := requests.NewHolds(v.Keys).Permit(ctx, q, subject, id, write); err != nil {
			return err
		}
		row := queries.InsertForgettingParams{
			SubjectID: subject, ID: uuid.New(), Nodes: []uuid.UUID{id}, Sources: []uuid.UUID{write}, Counts: []byte(`{"vault":1}`),
			PreviewedAt: now, ExpiresAt: now.Add(previewLifetime),
		}
		if err := q.InsertForgetting(ctx, row); err != nil {
			return err
		}
		confirmed, err := q.ConfirmForgetting(ctx, &now, subject, row.ID)
		if err != nil {
			return err
		}
		f, err = forgettingOf(confirmed)
		return err
	})
	if err != nil {
		return f, err
	}
	return f, commitForgetting(ctx, v.Ledger, v.Keys, v.DB.Read, subject, f.ID)
}

// Open lets a session recall from the vault for 15 minutes.
func (v *Vaults) Open(ctx context.Context, subject, session uuid.UUID) (VaultOpening, error) {
	now := time.Now().UTC()
	o := VaultOpening{ID: uuid.New(), Session: session, OpenedAt: now, ExpiresAt: now.Add(openFor)}
	err := v.change(ctx, subject, access{act: VaultOpened, session: session}, func(ctx context.Context, q *queries.Queries) error {
		return q.OpenVault(ctx, queries.OpenVaultParams{SubjectID: subject, ID: o.ID, SessionID: session, OpenedAt: o.OpenedAt, ExpiresAt: o.ExpiresAt})
	})
	return o, err
}

// Close ends an opening before its time. Errors: [failure.NotFound].
func (v *Vaults) Close(ctx context.Context, subject, opening uuid.UUID) error {
	return v.change(ctx, subject, access{act: VaultClosed}, func(ctx context.Context, q *queries.Queries) error {
		closed, err := q.CloseVault(ctx, new(time.Now().UTC()), subject, opening)
		if err == nil && closed == 0 {
			return failure.New(failure.NotFound, "there is no such opening", nil)
		}
		return err
	})
}

// Accesses are what was done with the vault, newest first, before another; before uuid.Nil is none.
func (v *Vaults) Accesses(ctx context.Context, subject, before uuid.UUID, limit int) (list []VaultAccess, err error) {
	in := queries.VaultAccessesParams{SubjectID: subject, BeforeTime: time.Now().Add(time.Hour), BeforeID: before, Page: int32(limit)}
	err = v.DB.Read(ctx, subject, func(ctx context.Context, q *queries.Queries) error {
		if before != uuid.Nil {
			last, err := q.VaultAccess(ctx, subject, before)
			if err := unlessFound(err, "access"); err != nil {
				return err
			}
			in.BeforeTime = last.At
		}
		rows, err := q.VaultAccesses(ctx, in)
		for _, row := range rows {
			list = append(list, VaultAccess{
				ID: row.ID, At: row.At.UTC(), Act: VaultAct(row.Act), Memory: valueOf(row.NodeID), Session: valueOf(row.SessionID),
			})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list accesses to the vault: %w", err)
	}
	return list, nil
}

// unlock takes what is in the vault among the candidates, where it is open for the session
// that asks, the question names no kinds, and the person still agrees to the vault.
func (s *search) unlock(ctx context.Context, q *queries.Queries) error {
	if s.in.Ref.Session == uuid.Nil || len(s.in.Kinds) > 0 || len(s.in.Entities) > 0 || s.open() || !consent.Allowed(ctx, consent.Vault) {
		return nil
	}
	isOpen, err := q.VaultIsOpen(ctx, s.in.Ref.Subject, s.in.Ref.Session, time.Now().UTC())
	if err != nil || !isOpen {
		return err
	}
	rows, err := q.VaultNodes(ctx, s.in.Ref.Subject, mostVaulted)
	if err != nil {
		return fmt.Errorf("read the vault: %w", err)
	}
	for _, row := range rows {
		n, err := opened(s.keys, row)
		if err != nil {
			return err
		}
		s.compare(&n)
		n.terms = blindTerms(s.keys, n.text, mostTerms) // none are stored
		if n.from != s.in.Ref.Interaction && s.inBounds(n.saidAt) {
			s.read[n.id], s.nodes[n.id] = n, n
			s.discover(n.id, Unlocked)
		}
	}
	return nil
}

// recalled records what a recall shows of the vault, before it shows it.
func (v *Vaults) recalled(ctx context.Context, ref interaction.Ref, shown []Memory) error {
	for _, m := range shown {
		if m.Kind != Vault {
			continue
		}
		if v == nil {
			return failure.New(failure.NotAllowed, "nobody records what is recalled from the vault", nil)
		}
		a := access{act: VaultRecalled, memory: m.ID, session: ref.Session}
		if err := v.change(ctx, ref.Subject, a, func(context.Context, *queries.Queries) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}
