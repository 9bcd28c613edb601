// Package stack puts the three engines together on one data folder: their ports, passwords, order of start and
// stop, and the files that tell others where everything is.
package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"meai/deploy/local/internal/folder"
	"meai/deploy/local/internal/postgres"
	"meai/deploy/local/internal/temporal"
	"meai/deploy/local/internal/weaviate"
)

// State is what a data folder remembers between runs. It holds passwords and is readable by its owner only.
type State struct {
	Ports         Ports              `json:"ports"`
	Passwords     postgres.Passwords `json:"passwords"`
	HistoryShards int                `json:"history_shards"`
	// CodecEndpoint is that of the last start.
	CodecEndpoint string `json:"codec_endpoint,omitempty"`

	WeaviateAPIKey   string `json:"weaviate_api_key"`
	WeaviateInternal string `json:"weaviate_internal_password"`
}

const stateFile = "state.json"

// loadState reads the folder's state or, in a new folder, makes one up with random passwords.
func loadState(data string, historyShards int) (state State, fresh bool, err error) {
	state, err = readState(data)
	if errors.Is(err, fs.ErrNotExist) {
		return newState(historyShards), true, nil
	}
	if err != nil {
		return State{}, false, err
	}
	if state.HistoryShards != historyShards {
		return State{}, false, fmt.Errorf("%s was made with %d history shards and cannot run with %d: the number is fixed for the life of a Temporal cluster",
			data, state.HistoryShards, historyShards)
	}
	// Folders of earlier versions know no role for backups, and none for observers; they are made at the next start.
	for _, password := range []*string{&state.Passwords.Backup, &state.Passwords.Observer} {
		if *password == "" {
			*password = folder.Secret()
		}
	}
	return state, false, nil
}

func readState(data string) (State, error) {
	var state State
	if err := folder.ReadJSON(filepath.Join(data, stateFile), &state); err != nil {
		return State{}, err
	}
	return state, nil
}

func newState(historyShards int) State {
	return State{
		HistoryShards: historyShards,
		Passwords: postgres.Passwords{
			Superuser: folder.Secret(), Owner: folder.Secret(), App: folder.Secret(),
			Reader: folder.Secret(), Backup: folder.Secret(), Observer: folder.Secret(), Temporal: folder.Secret(),
		},
		WeaviateAPIKey:   folder.Secret(),
		WeaviateInternal: folder.Secret(),
	}
}

func (s State) save(data string) error {
	return folder.WriteJSON(filepath.Join(data, stateFile), s)
}

func (s State) temporal() temporal.Config {
	return temporal.Config{
		Frontend: s.Ports.Temporal, History: s.Ports.TemporalHistory, Matching: s.Ports.TemporalMatching,
		Worker: s.Ports.TemporalWorker, UI: s.Ports.TemporalUI,
		CodecEndpoint: s.CodecEndpoint, PostgresPort: s.Ports.Postgres, Password: s.Passwords.Temporal, HistoryShards: s.HistoryShards,
	}
}

func (s State) weaviate(data string) weaviate.Config {
	p := s.Ports
	return weaviate.Config{
		Data: data,
		REST: p.Weaviate, GRPC: p.WeaviateGRPC, Gossip: p.WeaviateGossip, Raft: p.WeaviateRaft,
		APIKey: s.WeaviateAPIKey, InternalPassword: s.WeaviateInternal,
	}
}
