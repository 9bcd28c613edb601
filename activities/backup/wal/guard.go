package wal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// guard looks at the server's slot and at whether commits wait for the archive, until
// the context ends.
func (a *Archiver) guard(ctx context.Context) {
	var held *server
	defer func() {
		if held != nil {
			held.close()
		}
	}()
	for {
		err := a.look(ctx, &held)
		if ctx.Err() != nil {
			return
		}
		a.note(ServerUnreachable, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(guardEvery):
		}
	}
}

// look asks the server once, by a connection that is made again after a failure.
func (a *Archiver) look(ctx context.Context, held **server) (err error) {
	if *held == nil {
		if *held, err = a.connect(ctx); err != nil {
			return err
		}
	}
	slot, err := (*held).slot(ctx, a.Slot)
	if err == nil {
		var st standing
		if st, err = (*held).standing(ctx, a.Slot); err == nil {
			a.tell(slot, st)
			return nil
		}
	}
	(*held).close()
	*held = nil
	return err
}

// tell puts what was seen into the status.
func (a *Archiver) tell(slot Slot, st standing) {
	a.update(func(s *Status) { s.Slot, s.Server = slot, st.flushed })
	a.raise(StandbyAbsent, unless(!st.awaited || st.present, "commits wait for %s, which is not there", a.Slot))
	if slot.State == slotMissing {
		return // until the receiver has made it, and what is wrong with it stays wrong
	}
	a.raise(SlotMissing, nil)
	a.raise(SlotUnreserved, unless(slot.State != slotUnreserved, "the server is about to remove what the slot %s keeps", a.Slot))
	a.raise(SlotLost, unless(slot.State != slotLost, "the server gave up the slot %s", a.Slot))
}

// unless is an error when the condition does not hold.
func unless(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// ensureSlot makes the slot when it is missing, and makes it anew when the server has
// given it up: such a slot never comes back.
func (a *Archiver) ensureSlot(ctx context.Context, server *server, existed bool) (Slot, error) {
	slot, err := server.slot(ctx, a.Slot)
	if err != nil {
		return Slot{}, err
	}
	switch slot.State {
	case slotMissing:
		if existed {
			a.update(func(s *Status) { s.SlotsLost++ })
			a.note(SlotMissing, errors.New("the replication slot was dropped though the log is archived; it is made again"))
		}
	case slotLost:
		a.update(func(s *Status) { s.SlotsLost++ })
		a.note(SlotLost, errors.New("the server gave up the replication slot; it is made again"))
		if err := server.dropSlot(ctx, a.Slot); err != nil {
			return Slot{}, err
		}
	default:
		return slot, nil
	}
	if err := server.makeSlot(ctx, a.Slot); err != nil {
		return Slot{}, err
	}
	return server.slot(ctx, a.Slot)
}
