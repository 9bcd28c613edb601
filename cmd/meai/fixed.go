package main

import (
	"context"
	"fmt"
	"strconv"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"meai/internal/config"
	"meai/internal/keyring"
	"meai/internal/postgres"
)

// fixed is a value that what is stored depends on. The first process to start
// records it; a later one that has another must not go on.
type fixed struct {
	key string
	// read returns it; "" is not recorded, and differs from what is.
	read func(context.Context) (string, error)
	// mend says what to do about a difference.
	mend string
}

func theKeyring(keys *keyring.Keyring) fixed {
	return fixed{
		key: "keyring", read: keys.Fingerprint,
		mend: "this is another keyring than the one that the records are sealed with: look at keyring.bucket and keyring.kek",
	}
}

func embeddingModel(id string) fixed {
	return fixed{
		key: "embedding.model", read: func(context.Context) (string, error) { return id, nil },
		mend: "set the embedding back, or re-index as docs/runbooks/operations.md describes",
	}
}

func historyShards(temporal client.Client) fixed {
	return fixed{
		key: "temporal.history_shards",
		read: func(ctx context.Context) (string, error) {
			info, err := temporal.WorkflowService().GetClusterInfo(ctx, &workflowservice.GetClusterInfoRequest{})
			if err != nil {
				return "", fmt.Errorf("ask Temporal for its history shards: %w", err)
			}
			return strconv.Itoa(int(info.GetHistoryShardCount())), nil
		},
		mend: "this is another Temporal cluster than the one that the records belong to",
	}
}

// inUse is the value of a setting that names a place.
const inUse = "in use"

// placesOfPeople are the places that hold something of people where they are set up. A process
// that lacks one which another has, and erases people, leaves out what lies there, and
// certifies it all the same; other processes may lack it. One that is set up later is recorded
// then.
func placesOfPeople(b config.Backup, erases bool) []fixed {
	var all []fixed
	for key, set := range map[string]bool{
		"backup.bucket": b.Bucket != "", "backup.archive": b.Archive != "", "backup.second": b.Second != "" && b.Copy != "",
	} {
		value := ""
		if set {
			value = inUse
		} else if !erases {
			continue
		}
		all = append(all, fixed{
			key: key, read: func(context.Context) (string, error) { return value, nil },
			mend: "set it as in the other processes, for erasures would leave out what lies there; docs/runbooks/erasure.md says how to give such a place up",
		})
	}
	return all
}

// check fails with different when the recorded value is another one, and with err
// when an engine does not answer.
func (f fixed) check(ctx context.Context, db *postgres.DB) (different, err error) {
	value, err := f.read(ctx)
	if err != nil {
		return nil, err
	}
	if value == "" {
		recorded, err := db.Setting(ctx, f.key)
		if err == nil && recorded != "" {
			different = fmt.Errorf("%s is not set, but was %s in this system: %s", f.key, recorded, f.mend)
		}
		return different, err
	}
	recorded, err := db.RecordSetting(ctx, f.key, value)
	if err != nil {
		return nil, err
	}
	if recorded != value {
		return fmt.Errorf("%s is %s, but %s was recorded when this system first started: %s", f.key, value, recorded, f.mend), nil
	}
	return nil, nil
}

// hold compares each value with what was recorded and yields the first that
// differs; held is closed when all agree. It works in the background and tries until the engines answer: help
// for a person in danger does not wait for them.
func (p *parts) hold(ctx context.Context, db *postgres.DB, values ...fixed) (broken <-chan error, held <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	different, agreed, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	p.closing(func() error { cancel(); <-done; return nil })
	go func() {
		defer close(done)
		for _, v := range values {
			if err := p.holdOne(ctx, db, v); err != nil {
				different <- err
				return
			}
		}
		if ctx.Err() == nil {
			close(agreed)
		}
	}()
	return different, agreed
}

func (p *parts) holdOne(ctx context.Context, db *postgres.DB, v fixed) (different error) {
	p.persist(ctx, "whether "+v.key+" is still the same is not known yet", func(ctx context.Context) (err error) {
		different, err = v.check(ctx, db)
		return err
	})
	return different
}
