package index

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"meai/activities/backup/repository"
)

// described is what a backup says of itself: of each collection, the shards.
type described map[string]shards

// shards of one collection; those of one with tenants are named as the tenants are.
type shards struct {
	// declared exist after a restore, and packed of them hold something.
	declared, packed map[string]bool
	tenants          bool
}

// overview is "backup_config.json", of all nodes.
type overview struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error"`
	Nodes  map[string]struct {
		Classes []string `json:"classes"`
	} `json:"nodes"`
}

// nodeBackup is "<node>/backup.json". The names of the files, which are most of it, are
// passed over.
type nodeBackup struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Error   string `json:"error"`
	Classes []struct {
		Name   string `json:"name"`
		Shards []struct {
			Name string `json:"name"`
		} `json:"shards"`
		// ShardingState is JSON in base64.
		ShardingState []byte             `json:"shardingState"`
		Chunks        map[int32][]string `json:"chunks"`
	} `json:"classes"`
}

type shardingState struct {
	PartitioningEnabled bool                `json:"partitioningEnabled"`
	Physical            map[string]struct{} `json:"physical"`
}

// describe reads what the backup in the staging says of itself. It fails with
// [ErrIncomplete] when it does not say that it was made, or a file that it names is not
// there: Weaviate would restore nothing of that and say success.
func (s *staging) describe(ctx context.Context, node string) (described, error) {
	var all overview
	if err := s.decode(ctx, "backup_config.json", &all); err != nil {
		return nil, err
	}
	var of nodeBackup
	if err := s.decode(ctx, node+"/backup.json", &of); err != nil {
		return nil, err
	}
	if all.ID != s.name || of.ID != s.name || all.Status != succeeded || of.Status != succeeded || len(all.Nodes) != 1 {
		return nil, fmt.Errorf("%w: it is %s of %d nodes by the name %q, on the node %s", ErrIncomplete, all.Status, len(all.Nodes), all.ID, of.Status)
	}
	parts, err := s.parts(ctx)
	if err != nil {
		return nil, err
	}
	d := make(described)
	for _, class := range of.Classes {
		var state shardingState
		if err := json.Unmarshal(class.ShardingState, &state); err != nil {
			return nil, fmt.Errorf("%w: read the shards of %s: %w", ErrIncomplete, class.Name, err)
		}
		held := shards{declared: map[string]bool{}, packed: map[string]bool{}, tenants: state.PartitioningEnabled}
		for shard := range state.Physical {
			held.declared[shard] = true
		}
		for chunk, names := range class.Chunks {
			part := fmt.Sprintf("%s/%s/chunk-%d", node, class.Name, chunk)
			if _, found := slices.BinarySearch(parts, part); !found {
				return nil, fmt.Errorf("%w: %s is not there", ErrIncomplete, part)
			}
			for _, shard := range names {
				held.packed[shard] = true
			}
		}
		for _, shard := range class.Shards {
			if !held.packed[shard.Name] {
				return nil, fmt.Errorf("%w: shard %s of %s is in no file", ErrIncomplete, shard.Name, class.Name)
			}
		}
		d[class.Name] = held
	}
	return d, nil
}

func (s *staging) decode(ctx context.Context, part string, into any) error {
	from, to := io.Pipe()
	go func() { _ = to.CloseWithError(s.read(ctx, part, to)) }() // it never fails
	err := json.UnmarshalRead(from, into)
	_ = from.Close() // likewise
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return nil
}

// collections compares what the server held before and after with what the backup says
// it has. [ErrIncomplete] names what it lacks.
func (d described) collections(before, after holdings) ([]repository.Collection, error) {
	var lacks []string
	var all []repository.Collection
	for _, name := range slices.Sorted(maps.Keys(before)) {
		held, found := d[name]
		if !found {
			lacks = append(lacks, "collection "+name)
			continue
		}
		moved := map[string]int{}
		c := repository.Collection{Name: name, Tenants: map[string]int{}, Moved: moved}
		for _, tenant := range held.names() {
			was, known := before[name][tenant]
			is, remains := after[name][tenant]
			if known && !held.has(tenant) {
				lacks = append(lacks, fmt.Sprintf("tenant %q of %s", tenant, name))
			}
			if !remains {
				was, is = 0, was
			}
			c.Tenants[tenant] = is
			if !known || !remains || was != is {
				moved[tenant] = was
			}
		}
		for tenant := range before[name] {
			_, remains := after[name][tenant]
			if _, found := c.Tenants[tenant]; !found && remains {
				lacks = append(lacks, fmt.Sprintf("tenant %q of %s", tenant, name))
			}
		}
		all = append(all, c)
	}
	if len(lacks) > 0 {
		slices.Sort(lacks)
		return nil, fmt.Errorf("%w: it lacks %s", ErrIncomplete, strings.Join(first(lacks), ", "))
	}
	return all, nil
}

// names are the tenants, or the one "" of a collection without.
func (s shards) names() []string {
	if !s.tenants {
		return []string{""}
	}
	return slices.Sorted(maps.Keys(s.declared))
}

// has reports whether a tenant is packed, or all that there is of a collection without.
func (s shards) has(tenant string) bool {
	if s.tenants {
		return s.packed[tenant]
	}
	for shard := range s.declared {
		if !s.packed[shard] {
			return false
		}
	}
	return true
}
